"""Who is woken by what was read."""

from __future__ import annotations

import asyncio

import pytest

from services.notifier.waking import THEN_S, Waking
from shared.loops import Loop
from shared.metrics import Metrics
from shared.topics import INCIDENTS, LOGISTICS, REPORTS

NAMES = ("plan", "settle", "digest", "publish", "judge", "look", "logistics", "figures")


class Bench:
    """Loops that tell that they were woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.waking = Waking(self._loop(name) for name in NAMES)

    def _loop(self, name: str) -> Loop:
        async def step() -> bool:
            return False

        made = Loop(name, step, Metrics("test"))
        made.wake = lambda: self.woken.append(name)  # type: ignore[method-assign]
        return made


async def test_whoever_tells_is_woken_first() -> None:
    """At once, by whatever was read, and alone."""
    bench = Bench()
    bench.waking.wake({REPORTS.name})
    bench.waking.wake({INCIDENTS.name})
    assert bench.woken == ["plan", "plan"]


@pytest.mark.parametrize(
    ("topics", "woken"),
    [
        ([INCIDENTS.name], {"publish"}),
        ([REPORTS.name], {"settle", "digest", "publish", "judge", "look"}),
        ([LOGISTICS.name], {"logistics", "publish", "look"}),
        ([INCIDENTS.name, LOGISTICS.name], {"logistics", "publish", "look"}),
    ],
)
async def test_then_those_whom_it_concerns(topics: list[str], woken: set[str]) -> None:
    """Of all that was read in a moment, once each; and so again after the next batch."""
    bench = Bench()
    for _ in range(2):
        bench.woken.clear()
        for topic in topics:
            bench.waking.wake({topic})
        await asyncio.sleep(1.5 * THEN_S)
        assert sorted(bench.woken) == sorted(["plan"] * len(topics) + list(woken))
