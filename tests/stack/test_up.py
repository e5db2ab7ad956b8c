"""`desk up` as its users meet it: one JSON line, nothing left behind, what dies comes back."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from desk.replica_set import NotYetPrimary, found_replica_set
from desk.stack import mongod, tansu
from desk.stack.errors import StackError
from desk.stack.ports import LOWEST, free_ports
from desk.stack.process import Command, start_process

ROOT = Path(__file__).parents[2]
UNAVAILABLE = mongod.available() or tansu.available()
READY_S = 120.0
PORTS = 6

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


class Up:
    """A started `desk up`; its stderr is in a file."""

    def __init__(self, home: Path, *options: str, broker: str = "") -> None:
        self.data_dir = home / "data"
        self.port_base = free_row(PORTS)
        self._err = home / "stderr"
        argv = [sys.executable, "-m", "desk", "up", "--data-dir", str(self.data_dir)]
        argv += ["--port-base", str(self.port_base), *options]
        with self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                argv, stdout=subprocess.PIPE, stderr=err, cwd=ROOT, env={**os.environ, "DESK_STACK_BROKER": broker}
            )

    @property
    def said(self) -> str:
        return self._err.read_text()

    def wait_for(self, text: str, timeout_s: float = READY_S) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self.said:
            assert self.popen.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def wait_for_handlers(self) -> None:
        """Until Python is up and our first lines have run: SIGTERM is caught then, and nothing else is imported."""
        status = Path(f"/proc/{self.popen.pid}/status")
        while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1:
            time.sleep(0.001)

    def ready_line(self) -> dict[str, Any]:
        self.wait_for("Ready after")
        assert self.popen.stdout is not None
        line: dict[str, Any] = json.loads(self.popen.stdout.readline())
        return line

    def end(self, number: signal.Signals) -> int:
        """Its exit status after the signal; asserts that neither a process nor a listening port is left."""
        self.popen.send_signal(number)
        status = self.popen.wait(60)
        deadline = time.monotonic() + 5  # the kernel needs a moment after a kill -9
        while (left := leftovers(self.data_dir)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, self.said
        free_ports(PORTS, self.port_base)
        return status

    def close(self) -> None:
        self.popen.kill()
        self.popen.communicate()


def free_row(count: int) -> int:
    """Below the ports that are picked at random: a test beside this one would take one of them meanwhile."""
    while True:
        base = random.randrange(10_000, LOWEST - count)
        try:
            return free_ports(count, base)[0]
        except StackError:
            continue


def leftovers(data_dir: Path) -> list[str]:
    """Processes that work for a stack: its directory is in their command line, environment or working directory."""
    wanted = str(data_dir)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            traces = (process / "cmdline").read_text() + (process / "environ").read_text(errors="replace")
            if process.name != str(os.getpid()) and wanted in traces + os.readlink(process / "cwd"):
                found.append(process.name)
        except OSError:
            continue
    return found


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return int(answer.status)


def desk(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "desk", *arguments]
    env = {**os.environ, **environ}
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env=env, timeout=60, check=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, dict[str, Any]]]:
    up = Up(tmp_path_factory.mktemp("up"), "--clock", "2024-11-20T08:00:00+08:00@60")
    try:
        yield up, up.ready_line()
    finally:
        up.close()


def test_the_ready_line_tells_all_and_the_services_answer(running: tuple[Up, dict[str, Any]]) -> None:
    """The JSON line has every address, key and process, the clock runs, and all three services are healthy."""
    up, line = running
    assert line["ready"] is True
    assert line["agency"] == "desk"
    assert set(line["keys"]) == {"agency", "operator"}
    assert set(line["pids"]) == {"intake", "aggregator", "notifier", "kafka", "mongod"}
    assert [status_of(f"{line[name]}/healthz") for name in ("intake", "aggregator", "notifier")] == [200] * 3
    assert json.loads((up.data_dir / "clock.json").read_text())["rate"] == 60
    assert json.loads((up.data_dir / "up.json").read_text())["obligations_from"] == "2024-11-18"
    assert (up.data_dir / "up.json").stat().st_mode & 0o777 == 0o600


def test_the_agency_key_may_send_and_the_event_is_counted(running: tuple[Up, dict[str, Any]]) -> None:
    """A report sent with the agency's key is accepted for any region and soon counted."""
    _, line = running
    headers = {"Authorization": f"Bearer {line['keys']['agency']}", "Content-Type": "application/json"}
    body = {"id": "up-1", "region": "64.72", "condition": "normal", "summary": "Situasi aman"}
    request = urllib.request.Request(f"{line['intake']}/v1/reports", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 202
    asked = urllib.request.Request(f"{line['aggregator']}/v1/events/desk/up-1", headers=headers)
    deadline = time.monotonic() + 20
    state = ""
    while state != "counted" and time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                state = json.load(answer)["status"]
        except urllib.error.HTTPError as not_yet:
            not_yet.close()
    assert state == "counted"


def test_init_again_changes_nothing(running: tuple[Up, dict[str, Any]]) -> None:
    """The init job finds everything in place; an admin key is stored once."""
    _, line = running
    where = {"DESK_KAFKA": line["kafka"], "DESK_MONGO": line["mongo"], "DESK_ADMIN_KEY": "desk_admin_for-this-test"}
    first, second = desk("init", **where), desk("init", **where)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "all topics are there" in first.stderr
    assert "stored that of admin" in first.stderr
    assert "stored" not in second.stderr


def test_agency_keys_are_made_listed_and_revoked(running: tuple[Up, dict[str, Any]]) -> None:
    """`desk agency` prints a new key once, lists it without the key, and revokes it."""
    _, line = running
    where = {"DESK_MONGO": line["mongo"], "COLUMNS": "200"}
    added = desk("agency", "add", "bawaslu-smd", "--region", "64.72", "--kind", "incidents", **where)
    assert added.stdout.startswith("desk_bawaslu-smd_"), added.stderr
    assert len(added.stdout.splitlines()) == 1
    listed = desk("agency", "list", **where).stdout
    assert "bawaslu-smd" in listed
    assert added.stdout.strip() not in listed
    assert desk("agency", "revoke", "bawaslu-smd", **where).returncode == 0
    assert desk("agency", "revoke", "bawaslu-smd", **where).returncode == 1


def test_init_founds_the_replica_set(tmp_path: Path) -> None:
    """A server that was only started with --replSet becomes a primary, once."""
    (port,) = free_ports(1)
    argv = [str(mongod.find_binary()), "--replSet", "rs7", "--bind_ip", "127.0.0.1", "--port", str(port)]
    argv += ["--nounixsocket", "--dbpath", str(tmp_path)]
    url = f"mongodb://127.0.0.1:{port}/?replicaSet=rs7"
    with ExitStack() as stack:
        start_process(Command("mongod", argv, tmp_path / "log"), lambda p: stack.callback(p.stop))
        outcomes: list[bool | None] = []
        while outcomes[-1:] != [False]:
            try:
                outcomes.append(found_replica_set(url))
            except (PyMongoError, NotYetPrimary) as error:
                outcomes.append(None)
                time.sleep(0.2 if isinstance(error, NotYetPrimary) else 0.05)
            assert len(outcomes) < 60


def test_a_second_up_on_the_same_directory_is_refused(running: tuple[Up, dict[str, Any]]) -> None:
    """One clear line names the process that has the directory."""
    up, _ = running
    second = desk("up", "--data-dir", str(up.data_dir), "--clock", "2024-11-20T08:00:00+08:00@60")
    assert second.returncode == 1
    (said,) = second.stderr.splitlines()
    assert f"is in use by another stack (process {up.popen.pid})" in said
    assert second.stdout == ""


def test_a_killed_service_is_back_on_its_port(running: tuple[Up, dict[str, Any]]) -> None:
    """After kill -9 the service answers again at the same address."""
    up, line = running
    os.kill(line["pids"]["aggregator"], signal.SIGKILL)
    up.wait_for("aggregator died (-9), restarted", 10)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert status_of(f"{line['aggregator']}/readyz") == 200
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_ctrl_c_leaves_nothing_and_the_line_was_the_only_output(running: tuple[Up, dict[str, Any]]) -> None:
    """The last use of the shared stack: status 130, no process, no port, and stdout had just the one line."""
    up, _ = running
    assert up.end(signal.SIGINT) == 130
    assert up.popen.stdout is not None
    assert up.popen.stdout.read() == b""


@pytest.mark.parametrize("moment", ["", "Starting Tansu", "Starting MongoDB", "Creating topics", "Starting intake"])
def test_ctrl_c_during_the_start_leaves_nothing(moment: str, tmp_path: Path) -> None:
    """However early Ctrl-C comes, it ends everything without a traceback."""
    up = Up(tmp_path, broker="tansu")
    try:
        up.wait_for_handlers()
        up.wait_for(moment)
        time.sleep(random.uniform(0, 0.3))
        assert up.end(signal.SIGINT) == 130
        assert "Traceback" not in up.said
    finally:
        up.close()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_any_other_end_leaves_nothing_either(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """SIGTERM stops in order; after kill -9 of ourselves the kernel ends the children."""
    up = Up(tmp_path, broker="tansu")
    try:
        up.wait_for("Starting intake")
        time.sleep(0.5)
        assert up.end(number) == status
    finally:
        up.close()


def test_a_bad_election_file_is_one_line_and_status_2(tmp_path: Path) -> None:
    """The line names the file, the key, the problem and an example, before anything is started."""
    bad = tmp_path / "bad.yaml"
    text = (ROOT / "deploy/elections/kaltim-2024.yaml").read_text()
    bad.write_text(text.replace("grace: 2h", "grace: soon").replace("../roster", str(ROOT / "deploy/roster")))
    done = desk("up", "--data-dir", str(tmp_path / "data"), "--election", str(bad))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    for part in (str(bad), "reports.0.grace", "'soon' is no duration", "for example"):
        assert part in line


def test_a_bad_setting_is_one_line_and_status_2(tmp_path: Path) -> None:
    """A setting of the environment that is wrong is named before anything is started."""
    done = desk("up", "--data-dir", str(tmp_path / "data"), DESK_ACCESS_CACHE_S="soon")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "DESK_ACCESS_CACHE_S" in line
