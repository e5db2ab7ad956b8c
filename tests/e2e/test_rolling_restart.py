"""Two replicas of each service, while an agency sends: each is restarted in turn by SIGTERM, as for a change of
version; then all databases are lost and restored. What was answered 202 counts once, and is told once."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from desk.running import RunningStack, StackOptions, run_stack
from desk.service_processes import SERVICES, environment, service_child, wait_until_all_ready, why_not_ready
from desk.stack.ports import HOST, free_ports
from desk.supervisor import Child, stop_together
from shared.mongo import ACCESS_DB, AGGREGATOR_DB, INTAKE_DB, NOTIFIER_DB, Document
from tests.e2e.calling import Caller
from tests.e2e.driving import until_none
from tests.e2e.receiver import Receiver, listening
from tests.e2e.scenario_files import KALTIM

pytestmark = pytest.mark.timeout(300)

Say = Callable[[str], None]
CLOCK = "2024-11-24T10:00:00+08:00@1"
QUIET = "2024-11-24T09:00:00+08:00"
PAUSE_S = 0.1
SETTLE_S = 60.0
RESTART_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
REGENCIES = ("64.01", "64.72", "64.74")


@dataclass
class Agency:
    """Sends violations, one after the other; what is not answered goes to the other intake, under the same id."""

    addresses: list[str]
    key: str
    accepted: dict[str, str] = field(default_factory=dict)  # regions by id
    repeats: int = 0
    number: int = 0
    surprises: list[str] = field(default_factory=list)

    @contextmanager
    def sending(self) -> Iterator[None]:
        is_over = threading.Event()
        thread = threading.Thread(target=self._send_all, args=(is_over,))
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _send_all(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            self.number += 1
            region = REGENCIES[self.number % len(REGENCIES)]
            self._send(f"roll-{self.number}", region, self.number)
            self.accepted[f"roll-{self.number}"] = region
            time.sleep(PAUSE_S)

    def _send(self, event_id: str, region: str, first: int) -> None:
        body = {
            "id": event_id,
            "region": region,
            "category": "money_politics",
            "occurred_at": QUIET,
            "description": "Amplop",
        }
        while (status := self._post(self.addresses[first % len(self.addresses)], body)) != http.client.ACCEPTED:
            if status not in (None, http.client.SERVICE_UNAVAILABLE):
                self.surprises.append(f"{event_id}: {status}")
                return
            self.repeats += 1
            first += 1
            time.sleep(PAUSE_S)

    def _post(self, address: str, body: dict[str, str]) -> int | None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=15)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/incidents", json.dumps(body), headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


@dataclass(frozen=True)
class Replicas:
    """Two processes of each service, by name, each with its port."""

    running: RunningStack
    second: dict[str, Child]
    ports: dict[str, int]

    def all(self) -> list[tuple[Child, int]]:
        """One after the other, service by service."""
        first = {child.name: child for child in self.running.children}
        urls = {
            "intake": self.running.intake,
            "aggregator": self.running.aggregator,
            "notifier": self.running.notifier,
        }
        return [
            one
            for name in SERVICES
            for one in ((first[name], urlsplit(urls[name]).port or 0), (self.second[name], self.ports[name]))
        ]

    def end(self, child: Child) -> int | None:
        """By SIGTERM, as `docker compose stop` does; its exit status."""
        process = child.process
        assert process is not None
        os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + RESTART_S
        while process.alive:
            assert time.monotonic() < deadline, f"{child.label} does not end"
            time.sleep(0.05)
        return process.returncode

    def bring_back(self, child: Child, port: int) -> None:
        """Returns when it is ready."""
        deadline = time.monotonic() + RESTART_S
        child.poll()
        while why_not_ready(port) is not None:
            assert time.monotonic() < deadline, f"{child.label} does not come back"
            time.sleep(0.1)
            child.poll()

    def command(self, *arguments: str) -> tuple[int, str]:
        """The exit status of `desk`, and what it says."""
        environ = {**os.environ, "DESK_KAFKA": self.running.kafka, "DESK_MONGO": self.running.mongo}
        argv = [sys.executable, "-m", "desk", *arguments]
        done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr


@contextmanager
def two_of_each(data_dir: Path, receivers: Path, say: Say) -> Iterator[Replicas]:
    options = StackOptions(data_dir, election=KALTIM, clock=CLOCK, receivers=receivers)
    with run_stack(options, say) as running:
        env = environment(
            os.environ,
            kafka=running.kafka,
            mongo=running.mongo,
            election=KALTIM,
            clock=CLOCK,
            data_dir=data_dir.absolute(),
            receivers=receivers,
        )
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        second = {
            name: service_child(name, ports[name], env, data_dir / "logs" / f"{name}-2.log") for name in SERVICES
        }
        try:
            for child in second.values():
                child.start()
            wait_until_all_ready(list(second.values()), list(ports.values()), say)
            yield Replicas(running, second, ports)
        finally:
            stop_together(list(second.values()), lambda: False)


@dataclass(frozen=True)
class Trial:
    desk: Replicas
    receiver: Receiver
    agency: Agency

    def assert_right(self) -> None:
        """When all is read and told: each violation that was accepted counts once, and was told once."""
        running, accepted = self.desk.running, self.agency.accepted
        aggregator = Caller(running.aggregator, running.operator_key)

        def left() -> list[str]:
            became = {one: aggregator.get(f"/v1/events/desk/{one}").get("status") for one in accepted}
            uncounted = [one for one, status in became.items() if status not in ("counted", "duplicate")]
            return uncounted + sorted({f"quiet-period-violation:desk:{one}" for one in accepted} - {*self.told()})

        assert until_none(running, left, SETTLE_S) == []
        counted = {code: aggregator.get(f"/v1/regions/{code}")["total"]["incidents"]["count"] for code in REGENCIES}
        assert counted == Counter(accepted.values())
        assert [one for one, times in Counter(self.told()).items() if times > 1] == []
        assert self.receiver.changed_repeats() == []
        assert self.agency.surprises == []

    def told(self) -> list[str]:
        """The violations that somebody was told of, as often as it was told anew."""
        found = [notice["notice"] for notice in self.receiver.notices()]
        return [one.partition("#")[0] for one in found if one.startswith("quiet-period-violation:")]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    directory = tmp_path_factory.mktemp("rolling")
    with (
        listening() as receiver,
        two_of_each(directory / "data", receiver.write_receivers_file(directory), lambda _: None) as desk,
    ):
        running = desk.running
        addresses = [running.intake, f"http://{HOST}:{desk.ports['intake']}"]
        yield Trial(desk, receiver, Agency(addresses, running.agency_key))


def test_every_replica_is_restarted_and_nothing_is_lost_or_counted_twice(trial: Trial, say: Say) -> None:
    """Each ends by itself and comes back; whoever sends meanwhile repeats what was not answered."""
    desk, agency, ended = trial.desk, trial.agency, {}
    with agency.sending():
        for child, port in desk.all():
            ended[child.label, port] = desk.end(child)
            desk.bring_back(child, port)
            say(f"{child.label} is back; {len(agency.accepted)} sent, {agency.repeats} repeated")
    assert set(ended.values()) <= {0, -signal.SIGTERM}, ended  # uvicorn passes the signal on when it has ended
    trial.assert_right()


def test_all_databases_are_lost_and_restored(trial: Trial, tmp_path: Path, say: Say) -> None:
    """A backup under load, more events after it, then everything in MongoDB is gone. Restored, the services read on
    from where the backup was: what was sent after it counts as well, keys are valid, and nobody is told twice."""
    desk, agency, file = trial.desk, trial.agency, str(tmp_path / "desk.backup")
    with agency.sending():
        status, said = desk.command("backup", file)
        assert status == 0, said
        at_backup = len(agency.accepted)
        while len(agency.accepted) < at_backup + 10:
            time.sleep(PAUSE_S)
    trial.assert_right()
    for child, _ in desk.all():
        desk.end(child)
    with MongoClient[Document](desk.running.mongo) as client:
        for name in (ACCESS_DB, AGGREGATOR_DB, INTAKE_DB, NOTIFIER_DB):
            client.drop_database(name)
    status, said = desk.command("restore", file)
    assert status == 0, said
    for child, port in desk.all():
        desk.bring_back(child, port)
    say("all are back")
    with agency.sending():
        time.sleep(1)
    trial.assert_right()
