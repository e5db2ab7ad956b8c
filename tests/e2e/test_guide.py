"""The guide for agencies does what it says: every command and program of it is run, in both languages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from desk.running import RunningStack, StackOptions, run_stack
from desk.service_processes import environment
from shared.election.files import standard_categories
from shared.election.loaded import load_calendar
from tests.e2e.agencies import make_key
from tests.e2e.calling import Caller
from tests.e2e.guide import LANGUAGES, Command, Guide, read_guide
from tests.e2e.scenario_files import KALTIM
from tests.e2e.scripted import HANG_UP, serving

pytestmark = pytest.mark.timeout(600)

# The evening of the Monday that the guide's examples are about.
CLOCK = "2024-11-25T20:00:00+08:00@1"
COMMAND_S = 60.0
COUNTED_S = 30.0
# What is accepted on the way, the dry run's among it.
IDS = {
    "samarinda-2024-11-25",
    "coba-1",
    "apk-0017",
    "samarinda-2024-11-25-b",
    "tarik-2024-11-25-b",
    "apk-0017-status-1",
    "bilik-2024-11-25",
    "kotak-palaran",
    "kotak-ilir",
    "program-64.72-2024-11-25",
}


def ids_accepted(printed: str) -> list[str]:
    """The ids in the answers that were printed; fails for one that accepts nothing."""
    answers = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert all(answer.get("duplicate") is False for answer in answers), printed
    return [answer["id"] for answer in answers]


@dataclass(frozen=True)
class Reader:
    """Somebody who pastes one command after the other in a folder of theirs."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DESK_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = environment({**plain, "PATH": path, **self.variables})
        command = ["bash", "-euo", "pipefail", "-c", code]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )

    def follow(self, guide: Guide) -> dict[str, Command]:
        """Save the programs, run the commands; the ids that were accepted, and by which command. Fails where an answer
        is not the one that the guide shows."""
        for program in guide.programs():
            (self.folder / program.name).write_text(program.code, encoding="utf-8")
        accepted = {}
        for command in guide.commands():
            printed = self._expect(command)
            accepted.update(dict.fromkeys(ids_accepted(printed), command))
        return accepted

    def _expect(self, command: Command) -> str:
        """What it prints. What has been counted is asked for again until it is."""
        deadline = time.monotonic() + (COUNTED_S if "$DESK_AGGREGATOR_URL" in command.code else 0)
        while True:
            done = self.run(command.functions + command.code)
            if done.returncode == 0 and command.is_answered_by(done.stdout):
                return done.stdout
            assert time.monotonic() < deadline, f"{command.code}\n{done.stdout}\n{done.stderr}"
            time.sleep(0.3)


@dataclass(frozen=True)
class Desk:
    """A running stack, and readers of the guide, each of an agency of its own."""

    running: RunningStack
    folder: Path

    def reader(self, agency: str) -> Reader:
        folder = self.folder / agency
        folder.mkdir()
        variables = {
            "DESK_INTAKE_URL": self.running.intake,
            "DESK_AGGREGATOR_URL": self.running.aggregator,
            "DESK_AGENCY": agency,
            "DESK_AGENCY_KEY": make_key(environment(os.environ, mongo=self.running.mongo), agency, "64.72"),
        }
        return Reader(folder, variables)


@pytest.fixture(scope="module")
def curl() -> None:
    """The guide's `--retry-all-errors` needs curl 7.71 or newer."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")


@pytest.fixture(scope="module")
def desk(curl: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("guide")
    with run_stack(StackOptions(data_dir=folder / "stack", election=KALTIM, clock=CLOCK), lambda _: None) as running:
        yield Desk(running, folder)


@dataclass(frozen=True)
class Followed:
    """The guide was followed once, from top to bottom, by an agency of its own; `events` is what the aggregator says
    of each id that was answered 202, None for the dry run's."""

    agency: str
    events: Mapping[str, Any]


@pytest.fixture(scope="module", params=LANGUAGES)
def followed(desk: Desk, request: pytest.FixtureRequest) -> Followed:
    agency = f"desk-samarinda-{request.param}"
    accepted = desk.reader(agency).follow(read_guide(request.param))
    aggregator = Caller(desk.running.aggregator, desk.running.operator_key)
    paths = {event_id: f"/v1/events/{agency}/{event_id}" for event_id in accepted}
    events = {i: _soon(aggregator, paths[i]) for i, command in accepted.items() if "dry_run" not in command.code}
    for event_id in accepted.keys() - events.keys():
        with pytest.raises(LookupError):
            aggregator.get(paths[event_id])
    return Followed(agency, {**dict.fromkeys(accepted), **events})


def _soon(aggregator: Caller, path: str) -> Any:
    deadline = time.monotonic() + COUNTED_S
    while True:
        try:
            return aggregator.get(path)
        except LookupError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_every_command_of_the_guide_is_answered_as_it_says(followed: Followed) -> None:
    """Pasted from top to bottom; and what was answered 202 is counted, but for the dry run."""
    assert set(followed.events) == IDS
    assert {i for i, event in followed.events.items() if event is None} == {"coba-1"}
    assert all(event["counted"] for event in followed.events.values() if event is not None)


def test_a_correction_a_withdrawal_and_a_status_did_what_the_guide_says(desk: Desk, followed: Followed) -> None:
    """The correction is withdrawn, the incident was handed over, and the stock is that of the spreadsheet."""
    agency = followed.agency
    aggregator = Caller(desk.running.aggregator, desk.running.operator_key)
    corrected = aggregator.get(f"/v1/reports/{agency}/samarinda-2024-11-25-b")
    assert corrected["withdrawn"]["reason"] == "Padamnya ternyata di kota lain."
    (incident,) = [i for i in aggregator.all("/v1/incidents", region="64.72.01") if i["agency"] == agency]
    assert (incident["status"], incident["forwarded_to"]) == ("forwarded", "KPU Kota Samarinda")
    stock = {s["region"]: s["received"] for s in aggregator.all("/v1/logistics", item="ballot_boxes")}
    assert stock == {"64.72.01": 120, "64.72.04": 90}


def test_both_languages_have_the_same_commands() -> None:
    """Also the same programs and answers; comments are the language's own."""
    ours, theirs = (read_guide(language).without_words() for language in LANGUAGES)
    assert ours == theirs
    assert len(ours) > 15


def test_the_table_of_answers_is_complete(desk: Desk) -> None:
    """Whatever OpenAPI says that a sender may be answered, and 405, which it does not say."""
    paths = Caller(desk.running.intake, desk.running.agency_key).get("/openapi.json")["paths"]
    documented = {
        int(status)
        for path, calls in paths.items()
        if path.startswith("/v1/") and not path.startswith("/v1/admin")
        for call in calls.values()
        for status in call["responses"]
    }
    assert documented >= {200, 202, 401, 403, 409, 413, 415, 422, 503}
    for language in LANGUAGES:
        assert read_guide(language).statuses() == documented | {404, 405, 429, 500}


@pytest.mark.parametrize(
    ("language", "violations", "others", "items", "end"),
    [
        ("id", "Pelanggaran:", "Lainnya:", "Barangnya:", "```sh"),
        ("en", "Violations:", "Others:", "The items:", "```sh"),
    ],
)
def test_categories_and_items_are_those_of_the_election(
    language: str, violations: str, others: str, items: str, end: str
) -> None:
    """All of them, each on its side; the election's own items after the standard ones."""
    guide, categories = read_guide(language), standard_categories()
    assert guide.words_between(violations, others) == [n for n, c in categories.items() if c["violation"]]
    assert guide.words_between(others, end) == [n for n, c in categories.items() if not c["violation"]]
    assert guide.words_between(items, end) == list(load_calendar(KALTIM, None, None).election.logistics.items)


RETRIES: list[tuple[list[int], int]] = [
    ([202], 0),
    ([HANG_UP, 503, 202], 0),
    ([429, 500, 202], 0),
    ([422], 1),
    ([503, 409], 1),
    ([401], 1),
]


@pytest.mark.parametrize(("script", "exit_status"), RETRIES)
def test_the_program_repeats_what_may_be_repeated(tmp_path: Path, script: list[int], exit_status: int) -> None:
    """The same bytes, hence the same id, until it is answered for good; a refusal ends it with the reason."""
    (program,) = read_guide("id").programs()
    (tmp_path / program.name).write_text(program.code, encoding="utf-8")
    with serving(script) as server:
        reader = Reader(tmp_path, {"DESK_INTAKE_URL": server.url, "DESK_AGENCY_KEY": "desk_x"})
        done = reader.run(f"python3 {program.name}")
    assert (done.returncode, server.left, len(set(server.bodies))) == (exit_status, [], 1)
    assert f'"said": {script[-1]}' in (done.stderr if exit_status else done.stdout)
    if exit_status:
        assert HTTPStatus(script[-1]).value == int(done.stderr.partition(":")[0])


def test_curl_repeats_what_may_be_repeated(curl: None, tmp_path: Path) -> None:
    """As the guide says of `--retry`: after 429, 503 and a broken connection, the same bytes."""
    first, *_ = read_guide("id").commands()
    with serving([429, HANG_UP, 503, 202]) as server:
        reader = Reader(tmp_path, {"DESK_INTAKE_URL": server.url, "DESK_AGENCY_KEY": "desk_x"})
        done = reader.run(first.code)
    assert (done.returncode, server.left, len(set(server.bodies))) == (0, [], 1)
    assert '"said": 202' in done.stdout
