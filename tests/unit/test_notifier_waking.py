"""Who is woken by what was read."""

from __future__ import annotations

import asyncio

import pytest

from services.notifier.turning import TOPICS
from services.notifier.waking import THEN_S, Waking
from shared.loops import Loop
from shared.metrics import Metrics
from shared.topics import ALERTS, INCIDENTS, LOGISTICS, REPORTS, Topic

NAMES = ("plan", "settle", "digest", "publish", "judge", "look", "logistics", "figures")


class Bench:
    """Loops that tell that they were woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.loops = [self._loop(name) for name in NAMES]
        self.waking = Waking(self.loops, TOPICS)

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


@pytest.mark.parametrize("missing", ["plan", "settle", "logistics"])
def test_a_loop_that_is_not_there_is_found_at_the_start(missing: str) -> None:
    """One that is called something else now, say: not in a timer whose failure stops the waking of all others."""
    loops = [loop for loop in Bench().loops if loop.name != missing]
    with pytest.raises(KeyError, match=missing):
        Waking(loops, TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
async def test_every_topic_that_is_read_wakes_somebody(topic: Topic) -> None:
    """Beside whoever tells: one that is read and named nowhere would stop at the next batch."""
    bench = Bench()
    bench.waking.wake({topic.name})
    await asyncio.sleep(1.5 * THEN_S)
    assert set(bench.woken) > {"plan"}


def test_a_topic_that_nobody_is_named_for_is_found_at_the_start() -> None:
    """One that is read as well from some day on, say."""
    with pytest.raises(KeyError, match=ALERTS.name):
        Waking(Bench().loops, [*TOPICS, ALERTS])
