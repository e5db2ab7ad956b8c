"""The notifier loses its database: alerts and verdicts come back from `desk.alerts`, and nobody is told twice.

The real services on a real broker and database. It is lost twice: with its process, and under one that runs.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pymongo
import pytest

from desk.running import RunningStack, StackOptions, run_stack
from shared.mongo import NOTIFIER_DB
from tests.e2e.calling import Caller
from tests.e2e.driving import Driver, hold
from tests.e2e.receiver import Receiver, listening
from tests.e2e.scenario_files import KALTIM
from tests.e2e.submissions import incident, report, status, withdrawal

pytestmark = pytest.mark.timeout(600)

Say = Callable[[str], None]
Document = dict[str, Any]
PERIOD = "2024-11-18"
SETTLE_S = 240.0
CHANGES = {
    (f"missing-report:{PERIOD}:64.03", "resolved"),
    (f"missing-report:{PERIOD}:64.01", "raised"),
    (f"missing-report:{PERIOD}:64.09", "resolved"),
    ("quiet-period-violation:desk:i1", "raised"),
    ("quiet-period-violation:desk:i2", "raised"),
    ("quiet-period-violation:desk:i2", "resolved"),
}
SHOWN = ("id", "state", "raised_at", "resolved_at", "resolution", "details", "history")


def at(text: str) -> datetime:
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2024-11-{day}T{clock}+08:00")


class Watched:
    """A running stack, what its notifier knows, and what its receiver was told."""

    def __init__(self, running: RunningStack, receiver: Receiver, say: Say) -> None:
        self.running, self.receiver, self._say = running, receiver, say
        self.notifier = Caller(running.notifier, running.operator_key)

    def send(self, *submissions: Any) -> None:
        assert Driver(self.running).send_all(submissions).surprises == []

    def excuse(self, **body: str) -> None:
        raw, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        assert self.notifier._persistently("POST", "/v1/excuses", raw, headers).status == 201

    def alerts(self) -> dict[str, Document]:
        return {a["id"]: {name: a[name] for name in SHOWN} for a in self.notifier.all("/v1/alerts")}

    def verdicts(self) -> dict[str, list[tuple[str, str, str]]]:
        rows = self.notifier.all("/v1/obligations", period=PERIOD)
        return {row["region"]: [(v["verdict"], v["reason"], v["judged_at"]) for v in row["verdicts"]] for row in rows}

    def told(self) -> list[str]:
        """Every notice, as often as it was told."""
        return sorted(told.data["notice"] for told in self.receiver.told)

    def changes_told(self) -> set[tuple[str, str]]:
        """Which alerts were told to have changed, and how: several may stand in one notice."""
        notices = [told.data for told in self.receiver.told]
        return {(alert["id"], notice["change"]) for notice in notices for alert in notice["alerts"]}

    def rest(self) -> None:
        """Wait until nothing happens any more."""
        before: tuple[Any, ...] = ()
        while before != (before := (self.alerts(), self.told())):
            self.running.poll()
            time.sleep(3)

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SETTLE_S
        while not is_so():
            self.running.poll()
            assert time.monotonic() < deadline, (what, self.told())
            time.sleep(0.3)

    def lose(self, with_its_process: bool) -> None:
        """The database is gone; the process was killed before, or it finds out by itself and starts again."""
        pid = self.running.pids()["notifier"]
        if with_its_process:
            self._kill(pid)
        client: pymongo.MongoClient[Document] = pymongo.MongoClient(self.running.mongo)
        with client:
            client.drop_database(NOTIFIER_DB)
        self._say("the database is gone")
        self.wait(lambda: self.running.pids().get("notifier") not in (pid, None), "the notifier starts again")

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        process = next(child.process for child in self.running.children if child.name == "notifier")
        while process is not None and process.alive:
            time.sleep(0.01)

    def wait_until_read_again(self) -> None:
        client: pymongo.MongoClient[Document] = pymongo.MongoClient(self.running.mongo)
        with client:
            marks = client[NOTIFIER_DB]["rebuilding"]
            self.wait(lambda: marks.count_documents({"to_read": None}) == 1, "the log is read again")


def live(stack: Watched) -> None:
    """A Monday with everything that an alert can go through."""
    stack.send(
        report(at("18 09:00"), "64.01", "r1"),
        report(at("18 09:00"), "64.02", "r2"),
        withdrawal(at("18 10:00"), "64.02", "w2", "r2", at("18 00:00").date()),
    )
    stack.excuse(**{"region": "64.11", "from": PERIOD, "until": PERIOD, "reason": "Banjir."})
    hold(stack.running, at("19 02:00"))  # due + grace
    stack.wait(lambda: (f"missing-report:{PERIOD}:64.03", "raised") in stack.changes_told(), "the digest")
    stack.send(
        report(at("19 03:00"), "64.03", "r3", period=at("18 00:00").date()),
        withdrawal(at("19 04:00"), "64.01", "w1", "r1", at("18 00:00").date()),
        incident(at("24 09:00"), "64.72", "i1", category="money_politics", occurred_at=at("24 08:00")),
        incident(at("24 09:00"), "64.72", "i2", category="money_politics", occurred_at=at("24 08:00")),
        status(at("24 10:00"), "64.72", "s2", "i2", "dismissed"),
    )
    stack.excuse(**{"region": "64.09", "from": PERIOD, "until": PERIOD, "reason": "Banjir."})
    stack.wait(lambda: stack.changes_told() >= CHANGES, "late report, withdrawal, violations, dismissal, excuse")
    stack.rest()


def test_nobody_is_told_twice(tmp_path: Path, say: Say) -> None:
    """Lost with its process and, later, under one that runs: the same alerts and verdicts each time, no notice more;
    and what happens afterwards is told."""
    with listening() as receiver:
        options = StackOptions(
            tmp_path / "data",
            election=KALTIM,
            clock=f"{at('18 08:00').isoformat()}@1",
            start_clock=False,
            receivers=receiver.write_receivers_file(tmp_path),
        )
        with run_stack(options, say) as running:
            stack = Watched(running, receiver, say)
            live(stack)
            alerts, verdicts, told = stack.alerts(), stack.verdicts(), stack.told()
            for with_its_process in (True, False):
                stack.lose(with_its_process)
                stack.wait_until_read_again()
                time.sleep(3)  # every loop has turned several times
                assert stack.verdicts() == verdicts
                assert stack.alerts() == alerts
                assert stack.told() == told
            stack.send(report(at("24 12:00"), "64.74", "r4", period=at("18 00:00").date()))
            stack.wait(lambda: len(stack.told()) > len(told), "a late report's notice")
            stack.rest()
            assert len(stack.told()) == len(told) + 1
            assert stack.alerts()[f"missing-report:{PERIOD}:64.74"]["resolution"] == "reported_late"
