"""Something is down over the deadline, on three Mondays: the notifier, the aggregator, the broker.

The real services on a real broker and database. The clock jumps over the deadline while it is down, and stands exactly
at due + grace when the notifier starts again.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.running import RunningStack, StackOptions, run_stack
from tests.e2e.calling import Caller
from tests.e2e.driving import hold
from tests.e2e.receiver import Receiver, listening
from tests.e2e.scenario_files import KALTIM
from tests.e2e.submissions import Submission, report

pytestmark = pytest.mark.timeout(600)

Say = Callable[[str], None]
REGENCIES = ("64.01", "64.02", "64.03", "64.07", "64.08", "64.09", "64.11", "64.71", "64.72", "64.74")
SETTLE_S = 240.0


def at(text: str) -> datetime:
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2024-11-{day}T{clock}+08:00")


class Desk:
    """A running stack of which one part may be down."""

    def __init__(self, running: RunningStack, receiver: Receiver) -> None:
        self._running, self._receiver, self._down = running, receiver, ""
        self._intake = Caller(running.intake, running.agency_key)
        self._notifier = Caller(running.notifier, running.operator_key)
        self._aggregator = Caller(running.aggregator, running.operator_key)

    def send(self, *submissions: Submission) -> None:
        for submission in submissions:
            hold(self._running, submission.at)
            assert self._intake.send(submission).status == 202

    def kill(self, name: str) -> None:
        """It stays down until `start`."""
        self._down = name
        with suppress(ProcessLookupError):
            os.kill(self._running.pids()[name], signal.SIGKILL)

    def start(self) -> None:
        self._down = ""
        self._running.poll()

    def jump(self, moment: datetime) -> None:
        hold(self._running, moment)

    def wait(self, found: Callable[[], Any], expected: Any) -> None:
        deadline = time.monotonic() + SETTLE_S
        while (shown := found()) != expected and time.monotonic() < deadline:
            for child in self._running.children:
                if child.name != self._down:
                    child.poll()
            time.sleep(0.3)
        assert shown == expected

    def verdicts(self, monday: str) -> dict[str, list[str]]:
        rows = self._notifier.all("/v1/obligations", period=f"2024-11-{monday}")
        return {row["region"]: [v["verdict"] for v in row["verdicts"]] for row in rows}

    def attendance(self, monday: str) -> dict[str, list[str]]:
        rows = self._aggregator.all(f"/v1/periods/2024-11-{monday}")
        return {row["region"]: [v["verdict"] for v in row["verdicts"]] for row in rows}

    def alerts(self, monday: str) -> dict[str, str]:
        found = self._notifier.all("/v1/alerts", period=f"2024-11-{monday}")
        return {a["id"].replace(f":2024-11-{monday}", ""): a["state"] for a in found}

    def told(self, monday: str) -> list[str]:
        """What the receiver was told of a Monday, each notice once."""
        notices = [n for n in self._receiver.notices() if n["period"] == f"2024-11-{monday}"]
        return sorted(f"{n['rule']} {n['change']}" for n in notices)


def missing(**others: list[str]) -> dict[str, list[str]]:
    """All regencies, each missing but for others: `r01` is 64.01."""
    known = {f"64.{name.removeprefix('r')}": verdicts for name, verdicts in others.items()}
    return {**{region: ["missing"] for region in REGENCIES}, **known}


def notifier_down(desk: Desk) -> None:
    """It starts when it is exactly due + grace: what came before that moment counts, what comes at it is late."""
    desk.send(report(at("11 09:00"), "64.01", "a1"))
    desk.kill("notifier")
    monday = at("11 00:00").date()
    desk.send(
        report(at("11 23:00"), "64.02", "a2"),
        report(at("12 01:59"), "64.03", "a3", period=monday),
        report(at("12 02:00"), "64.07", "a4", period=monday),
    )
    desk.start()
    verdicts = missing(r01=["on_time"], r02=["on_time"], r03=["late"], r07=["missing", "late"])
    desk.wait(lambda: desk.verdicts("11"), verdicts)
    desk.wait(lambda: desk.attendance("11"), verdicts)
    alerts = {f"missing-report:{r}": "firing" for r, v in verdicts.items() if "missing" in v}
    desk.wait(lambda: desk.alerts("11"), {**alerts, "missing-report:64.07": "resolved"})
    desk.wait(lambda: desk.told("11"), ["missing-report raised", "missing-report resolved"])


def aggregator_down(desk: Desk) -> None:
    """Judged without it; it shows the verdicts when it is back."""
    desk.send(report(at("18 09:00"), "64.01", "b1"))
    desk.kill("aggregator")
    desk.send(report(at("18 10:00"), "64.02", "b2"))
    desk.jump(at("19 02:00"))
    verdicts = missing(r01=["on_time"], r02=["on_time"])
    desk.wait(lambda: desk.verdicts("18"), verdicts)
    desk.start()
    desk.wait(lambda: desk.attendance("18"), verdicts)


def broker_down(desk: Desk) -> None:
    """Nobody is called missing; after the bounded wait it is said once that nothing can be judged; then it is."""
    desk.send(report(at("25 09:00"), "64.01", "c1"))
    desk.wait(lambda: desk.verdicts("25").get("64.01"), ["on_time"])
    desk.kill("kafka")
    desk.jump(at("26 02:00"))
    undetermined = {region: ["undetermined"] for region in REGENCIES if region != "64.01"}
    desk.wait(lambda: desk.verdicts("25"), {**undetermined, "64.01": ["on_time"]})
    desk.wait(lambda: desk.told("25"), ["cannot-evaluate raised"])
    desk.start()
    judged = {region: ["undetermined", "missing"] for region in undetermined}
    desk.wait(lambda: desk.verdicts("25"), {**judged, "64.01": ["on_time"]})
    desk.wait(lambda: desk.alerts("25")["cannot-evaluate"], "resolved")
    told = ["cannot-evaluate raised", "cannot-evaluate resolved", "missing-report raised"]
    desk.wait(lambda: desk.told("25"), told)


def test_down_over_the_deadline(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """No false alarm, no silent miss, whichever part it is that is down."""
    monkeypatch.setenv("DESK_UNDETERMINED_AFTER_S", "20")
    with listening() as receiver:
        receivers = receiver.write_receivers_file(tmp_path)
        start = at("11 08:00") - timedelta(hours=1)
        options = StackOptions(
            tmp_path / "data",
            election=KALTIM,
            clock=f"{start.isoformat()}@1",
            start_clock=False,
            receivers=receivers,
        )
        with run_stack(options, say) as running:
            desk = Desk(running, receiver)
            for monday in (notifier_down, aggregator_down, *([broker_down] if running.keeps_data else [])):
                say(monday.__name__)
                monday(desk)
