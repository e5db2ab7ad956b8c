"""`desk submit` against a real intake: what arrives, what is refused, and what becomes of it when somebody dies."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk.stack.ports import free_ports
from shared.access.keys import Grant, Kind
from shared.events.codec import decode
from shared.kafka.whole_topic import read_topic
from shared.topics import REPORTS
from tests.service.desk.mortal_intake import MortalIntake

ROOT = Path(__file__).resolve().parents[3]
EVERYTHING = frozenset(kind.value for kind in Kind)
LINES = 3_000  # six calls


class Desk:
    """The command as an agency's clerk has it: a key, a folder, an address."""

    def __init__(self, intake: MortalIntake, kafka: str, agency: str, key: str, folder: Path) -> None:
        self.intake, self.agency, self.folder = intake, agency, folder
        self._kafka, self._key = kafka, key

    def start(self, name: str, *options: str, **environ: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "desk", "submit", str(self.folder / name), "--to", self.intake.url, *options]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "DESK_AGENCY_KEY": self._key, **environ}
        return subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=self.folder
        )

    def submit(self, name: str, *options: str, **environ: str) -> tuple[int, str, str]:
        """Status, stdout and stderr of a run."""
        process = self.start(name, *options, **environ)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def progress(self, name: str) -> dict[str, Any]:
        """What the small file beside a file says."""
        try:
            found: dict[str, Any] = json.loads((self.folder / f"{name}.progress").read_text())
        except FileNotFoundError:
            return {"done": 0}
        return found

    def wait_until_done(self, name: str, lines: int) -> None:
        deadline = time.monotonic() + 30
        while self.progress(name)["done"] < lines:
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def arrived(self) -> Counter[str]:
        """How often each id of ours stands in the log."""

        async def read() -> Counter[str]:
            found: Counter[str] = Counter()
            async for record in read_topic(self._kafka, REPORTS.name):
                event = decode(REPORTS.name, record.value)
                if event.agency == self.agency:
                    found[event.id] += 1
            return found

        return asyncio.run(read())


@pytest.fixture(scope="module")
def intake_and_keys(
    broker_address: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MortalIntake, dict[str, Grant]]]:
    keys = {}
    for _ in range(40):  # one for each test
        name = f"submit-{uuid.uuid4().hex[:8]}"
        keys[f"desk_{name}_key"] = Grant(name, name, EVERYTHING, ("64",), events_per_minute=1_000_000)
    intake = MortalIntake(broker_address, mongo_url, keys, tmp_path_factory.mktemp("intake"))
    try:
        intake.start()
        yield intake, keys
    finally:
        intake.kill()


@pytest.fixture
def desk(intake_and_keys: tuple[MortalIntake, dict[str, Grant]], broker_address: str, tmp_path: Path) -> Desk:
    """A new agency with an empty folder."""
    intake, keys = intake_and_keys
    key, grant = keys.popitem()
    return Desk(intake, broker_address, grant.name, key, tmp_path)


def reports(count: int) -> str:
    regions = ("64.72", "64.71", "64.74", "64.02")
    return "".join(
        json.dumps({"kind": "report", "region": regions[n % 4], "condition": "normal", "summary": f"Aman, {n // 2}."})
        + "\n"
        for n in range(count)
    )


def test_a_spreadsheet_with_mistakes_is_mended_and_sent_again(desk: Desk) -> None:
    """Good rows are taken; the bad ones come back with the reasons; mended there, that file is sent as it is."""
    desk.write(
        "laporan.csv",
        "\ufeffkind;region;condition;summary\r\n"
        'report;64.72;normal;"Aman; dan\r\nkondusif"\r\n'
        "report;64.99;normal;Salah wilayah\r\n"
        "report;64.71;gawat;Salah kondisi\r\n"
        ";;;\r\n"
        "report;6474;attention;Banjir\r\n",
    )
    status, out, err = desk.submit("laporan.csv")
    assert (status, err) == (1, "")
    assert out.splitlines()[:2] == ["Diterima: 2", "Ditolak: 2"]
    assert {"  1  region: wilayah tidak dikenal"} <= set(out.splitlines())
    assert desk.files() == {"laporan.csv", "laporan.refused.csv"}

    refused = (desk.folder / "laporan.refused.csv").read_text("utf-8-sig").splitlines()
    assert refused[0] == "problem;problem_line;kind;region;condition;summary"
    assert refused[1].startswith('"region: wilayah tidak dikenal; mungkin 64.')
    assert refused[1].endswith(";4;report;64.99;normal;Salah wilayah")
    mended = "\n".join(refused).replace("64.99", "64.09").replace("gawat", "critical")
    desk.write("laporan.refused.csv", mended)
    status, out, _ = desk.submit("laporan.refused.csv", "--lang", "en")
    assert (status, out) == (0, "Accepted: 2\nRefused: 0\n")
    assert sorted(desk.arrived().values()) == [1] * 4
    assert desk.files() == {"laporan.csv", "laporan.refused.csv"}


def test_the_same_file_on_the_same_day_counts_once(desk: Desk) -> None:
    """And says so; equal lines within it are lines of their own."""
    desk.write("a.ndjson", reports(8) * 2)
    assert desk.submit("a.ndjson", "--lang", "en")[:2] == (0, "Accepted: 16\nRefused: 0\n")
    status, out, _ = desk.submit("a.ndjson", "--lang", "en")
    assert (status, out) == (0, "Accepted: 0\nAccepted before, not counted twice: 16\nRefused: 0\n")
    assert len(desk.arrived()) == 16


def test_a_dry_run_takes_nothing(desk: Desk) -> None:
    """It says what a sending would say, and leaves no trace but the file with the reasons."""
    desk.write("a.csv", "region;condition;summary\n64.72;normal;Aman\n64.72;gawat;Aman\n")
    for _ in range(2):
        status, out, _ = desk.submit("a.csv", "--kind", "report", "--dry-run", "--lang", "en")
        assert status == 1
        assert out.splitlines()[:2] == ["Right, and not sent: 1", "Refused: 1"]
    assert desk.files() == {"a.csv", "a.refused-dry-run.csv"}
    assert not desk.arrived()


def test_intake_dies_in_the_middle(desk: Desk) -> None:
    """kill -9, started again a moment later: the command waits, goes on, and every line is in the log under its one
    id."""
    desk.write("a.ndjson", reports(LINES))
    running = desk.start("a.ndjson", "--lang", "en")
    desk.wait_until_done("a.ndjson", 500)
    desk.intake.kill()
    assert running.poll() is None
    desk.intake.start()
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, f"Accepted: {LINES}\nRefused: 0\n")
    assert "Trying again in" in err
    assert len(desk.arrived()) == LINES


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_the_command_dies_in_the_middle(desk: Desk, number: signal.Signals, status: int) -> None:
    """Run again it goes on where it stood: nothing is lost, nothing is there twice under two ids, and what was on its
    way counts as accepted, not as a duplicate."""
    desk.write("a.ndjson", reports(LINES) + '{"kind": "report"}\n')
    running = desk.start("a.ndjson", "--lang", "en")
    desk.wait_until_done("a.ndjson", 1_000)
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == status
    assert ("Run the same command to go on." in err) is (number == signal.SIGINT)
    done = desk.progress("a.ndjson")["done"]
    assert 1_000 <= done < LINES

    ended, out, err = desk.submit("a.ndjson", "--lang", "en")
    assert ended == 1
    assert out.splitlines()[:2] == [f"Accepted: {LINES}", "Refused: 1"]
    assert f"{done} of {LINES + 1} lines are answered" in err
    assert len(desk.arrived()) == LINES
    assert desk.files() == {"a.ndjson", "a.refused.ndjson"}
    assert len((desk.folder / "a.refused.ndjson").read_text().splitlines()) == 1


def test_nobody_answers(desk: Desk) -> None:
    """After so long it gives up, with a status of its own, and remembers how far it came."""
    desk.write("a.ndjson", reports(3))
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    status, out, err = desk.submit("a.ndjson", "--to", nowhere, "--give-up-after", "1", "--lang", "en")
    assert (status, out) == (3, "")
    assert "Gave up" in err
    assert desk.files() == {"a.ndjson", "a.ndjson.progress"}


@pytest.mark.parametrize(
    ("name", "content", "options", "environ", "said"),
    [
        ("a.ndjson", "{}", [], {"DESK_AGENCY_KEY": ""}, "desk: No agency's key"),
        ("a.ndjson", "{}", [], {"DESK_AGENCY_KEY": "desk_wrong_key"}, "Cannot be sent: 401: This key is unknown"),
        ("a.ndjson", "{}", ["--key-file", "none"], {}, "desk: --key-file: none cannot be read"),
        ("a.ndjson", "{}", ["--to", "intake.example.go.id"], {}, "desk: --to: intake.example.go.id is no address"),
        ("a.ndjson", "\n\n", [], {}, "there is nothing to send"),
        ("a.csv", "kind;region\n".encode("utf-16"), [], {}, "CSV UTF-8"),
        ("a.xlsx", b"PK\x03\x04\n\n", [], {}, "is an Excel workbook"),
        (
            "a.ndjson",
            "{}",
            [],
            {"DESK_INTAKE_URL": "localhost:80"},
            "localhost:80 is no address; for example https://",
        ),
        ("a.csv", "kind;region;wilayah\na;b;c", [], {}, "wilayah: is an unknown column"),
        ("a.csv", "region;condition;summary\n1;2;3", [], {}, "kind: this column is needed"),
        ("b.csv", None, [], {}, "b.csv cannot be read: No such file"),
    ],
)
def test_what_is_wrong_with_the_whole_is_status_2(
    desk: Desk, name: str, content: str | bytes | None, options: list[str], environ: dict[str, str], said: str
) -> None:
    """One line says what; no line was sent."""
    if content is not None:
        desk.write(name, content)
    status, out, err = desk.submit(name, *options, "--lang", "en", **environ)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert desk.files() <= {name}


def test_an_address_that_is_not_intake_s_is_told(desk: Desk) -> None:
    """Not only that something is not there: which setting to look at."""
    desk.write("a.ndjson", reports(1))
    status, _, err = desk.submit("a.ndjson", "--to", f"{desk.intake.url}/nowhere", "--lang", "en")
    assert (status, f"Check intake's address, {desk.intake.url}/nowhere" in err) == (2, True), err
    assert desk.files() == {"a.ndjson"}


def test_two_at_a_time(desk: Desk) -> None:
    """A second one on the same file is told so, and leaves it alone."""
    with desk.write("a.ndjson", reports(1)).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, _, err = desk.submit("a.ndjson", "--lang", "en")
    assert (status, "is being sent by another process" in err) == (2, True)
    assert desk.files() == {"a.ndjson"}
    assert desk.submit("a.ndjson", LC_ALL="en_GB.UTF-8")[:2] == (0, "Accepted: 1\nRefused: 0\n")


def test_the_key_comes_from_a_file_too(desk: Desk) -> None:
    """And stands in no argument list, no message and no file of ours."""
    desk.write("a.ndjson", reports(1))
    key = desk.write("key", os.linesep.join([desk._key, ""]))
    status, out, err = desk.submit("a.ndjson", "--key-file", "key", DESK_AGENCY_KEY="")
    assert status == 0
    key.unlink()
    assert desk._key not in out + err + "".join(path.read_text() for path in desk.folder.iterdir())
