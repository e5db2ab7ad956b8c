"""Rules that change, then a lost database: an old period that is computed anew gets the answer of its time.

The real services on a real broker and database. The amendment would turn every verdict of the first Monday round if it
held for it: due at noon, and an offline allowance of an hour.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest
import yaml

from desk.running import RunningStack, StackOptions, run_stack
from shared.mongo import AGGREGATOR_DB, NOTIFIER_DB
from tests.e2e.calling import Caller
from tests.e2e.driving import Driver, hold, until_none
from tests.e2e.scenario_files import DEPLOY, KALTIM
from tests.e2e.submissions import Submission, report, withdrawal

pytestmark = pytest.mark.timeout(600)

Say = Callable[[str], None]
Document = dict[str, Any]
Verdicts = dict[str, list[tuple[str, str]]]  # by region, each verdict with its reason, in order
OLD, NEW = "2024-11-18", "2024-11-25"
SETTLE_S = 60.0
AMENDMENT = {
    "effective": date(2024, 11, 21),
    "note": {"id": "Surat edaran", "en": "A circular"},
    "offline_allowance": "1h",
    "reports": [
        {"level": "regency", "due": "12:00", "grace": "4h", "from": date(2024, 9, 30), "until": date(2024, 12, 16)}
    ],
}


def at(text: str) -> datetime:
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2024-11-{day}T{clock}+08:00")


def before() -> list[Submission]:
    """Under the first rules: due at 24:00, synced within 72 h."""
    old = at("18 00:00").date()
    return [
        report(at("18 09:00"), "64.01", "old-1"),
        report(at("18 20:00"), "64.02", "old-2"),  # late, if it were due at noon
        report(at("18 20:00"), "64.71", "old-5"),
        report(at("19 01:00"), "64.03", "old-3", period=old),
        withdrawal(at("19 10:00"), "64.71", "old-w", "old-5", old),
        report(at("20 10:00"), "64.72", "old-4", period=old, submitted_at=at("18 22:00")),  # late, if within 1 h
    ]


def afterwards() -> list[Submission]:
    """Under the amended rules: due at noon, synced within an hour."""
    new = at("25 00:00").date()
    return [
        report(at("25 11:59"), "64.01", "new-1"),
        report(at("25 20:00"), "64.02", "new-2"),
        report(at("25 20:30"), "64.72", "new-4", period=new, submitted_at=at("25 11:00")),
    ]


MISSING = [("missing", "nothing_received")]
ANSWERS: Mapping[str, Verdicts] = {
    OLD: {
        **dict.fromkeys(("64.07", "64.08", "64.09", "64.11", "64.74"), MISSING),
        "64.01": [("on_time", "received_in_time")],
        "64.02": [("on_time", "received_in_time")],
        "64.03": [("late", "received_late")],
        "64.71": [("on_time", "received_in_time"), ("missing", "report_withdrawn")],
        "64.72": [*MISSING, ("on_time", "delivered_late")],
    },
    NEW: {
        **dict.fromkeys(("64.03", "64.07", "64.08", "64.09", "64.11", "64.71", "64.74"), MISSING),
        "64.01": [("on_time", "received_in_time")],
        "64.02": [*MISSING, ("late", "reported_late")],
        "64.72": [*MISSING, ("late", "reported_late")],
    },
}


class Watched:
    """A running stack, and what both services say of a period."""

    def __init__(self, running: RunningStack) -> None:
        self.running = running
        self._notifier = Caller(running.notifier, running.operator_key)
        self._aggregator = Caller(running.aggregator, running.operator_key)

    def send(self, submissions: list[Submission]) -> None:
        assert Driver(self.running).send_all(submissions).surprises == []

    def wait_for(self, *periods: str) -> None:
        """Until both services have the answers of these periods."""
        left = until_none(self.running, lambda: [d for period in periods for d in self._differences(period)], SETTLE_S)
        assert not left, "\n".join(left)

    def board(self, period: str) -> list[Document]:
        """All that the aggregator shows of a period."""
        return self._aggregator.all(f"/v1/periods/{period}")

    def _differences(self, period: str) -> Iterator[str]:
        shown = {"notifier": self._notifier.all("/v1/obligations", period=period), "aggregator": self.board(period)}
        for service, rows in shown.items():
            found = {row["region"]: [(v["verdict"], v["reason"]) for v in row["verdicts"]] for row in rows}
            for region, expected in ANSWERS[period].items():
                if found.get(region) != expected:
                    yield f"{service}, {period}, {region}: {found.get(region)} instead of {expected}"

    def lose(self, service: str, database: str) -> None:
        """Its process and its database, as if the disk were gone; it starts again by itself."""
        pid = self.running.pids()[service]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while self._is_alive(service, pid):
            time.sleep(0.01)
        client: pymongo.MongoClient[Document] = pymongo.MongoClient(self.running.mongo)
        client.drop_database(database)
        client.close()
        self.running.poll()

    def _is_alive(self, service: str, pid: int) -> bool:
        process = next(child.process for child in self.running.children if child.name == service)
        return process is not None and process.pid == pid and process.alive


@contextmanager
def watched(data_dir: Path, election: Path, say: Say) -> Iterator[Watched]:
    clock = f"{at('18 08:00').isoformat()}@1"
    with run_stack(StackOptions(data_dir, election=election, clock=clock, start_clock=False), say) as running:
        yield Watched(running)


def write_election(path: Path, **more: Any) -> Path:
    content = yaml.safe_load(KALTIM.read_text(encoding="utf-8"))
    content["roster"] = str(DEPLOY / "roster" / "kaltim.csv")
    path.write_text(yaml.safe_dump({**content, **more}), encoding="utf-8")
    return path


def test_an_old_period_computed_anew_gets_the_answer_of_its_time(tmp_path: Path, say: Say) -> None:
    """A notifier that lost its database after the election file was amended judges the old Monday as before, and the
    next one by the new rules; an aggregator that lost its own shows the same attendance, earlier verdicts too."""
    election = write_election(tmp_path / "election.yaml")
    with watched(tmp_path / "data", election, say) as stack:
        stack.send([s for s in before() if s.at < at("19 02:00")])
        hold(stack.running, at("19 02:00"))  # due + grace
        stack.send([s for s in before() if s.at > at("19 02:00")])
        stack.wait_for(OLD)
        old = stack.board(OLD)

        write_election(election, amendments=[AMENDMENT])
        stack.lose("notifier", NOTIFIER_DB)
        stack.wait_for(OLD)
        assert stack.board(OLD) == old
        stack.send([s for s in afterwards() if s.at < at("25 16:00")])
        hold(stack.running, at("25 16:00"))  # the new due + grace
        stack.send([s for s in afterwards() if s.at > at("25 16:00")])
        stack.wait_for(OLD, NEW)
        new = stack.board(NEW)
        assert {row["due_at"] for row in new} == {"2024-11-25T04:00:00+00:00"}

        stack.lose("notifier", NOTIFIER_DB)
        stack.lose("aggregator", AGGREGATOR_DB)
        stack.wait_for(OLD, NEW)
        assert [stack.board(OLD), stack.board(NEW)] == [old, new]
