"""The command line says in words what files say, and in one line what is wrong."""

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from desk.cli import main
from desk.service_processes import Misconfigured
from desk.stack_options import StackOptions, checked_settings, first_judged, nothing_ahead
from desk.who import who
from shared.election.loaded import DEFAULT_ROSTER
from shared.settings import Settings

ROOT = Path(__file__).parents[2]


def test_check_says_what_the_files_say() -> None:
    """Election, regions, stages, reports, violations and receivers, each in a line."""
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 0
    for part in (
        "Election kaltim-2024",
        "Roster: 1 province, 10 regencies and cities",
        "Stage quiet_period: 2024-11-24 to 2024-11-26, both days inclusive.",
        "each of 10 regencies and cities, every Monday, due 24:00 local, desk reminded 4h before, absence "
        "judged 2h later; 6 periods",
        "Receiver console (console): everything, all regions.",
    ):
        assert part in done.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["check", "--election", "none.yaml"], "desk: none.yaml: file: cannot be read"),
        (["check", "--receivers", "none.yaml"], "desk: none.yaml: file: cannot be read"),
        (["agency", "add", "a b", "--region", "*", "--kind", "reports"], "desk: 'a b' is no name; letters, digits,"),
        (
            ["agency", "add", "bawaslu", "--region", "64.99", "--kind", "reports"],
            "desk: --region: 64.99 is no region of the roster; for example 64.",
        ),
        (["up", "--clock", "tomorrow"], "desk: 'tomorrow' is no scenario clock; write <start>@<rate>, for example"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(arguments: list[str], line: str) -> None:
    """Nothing is started, nothing is asked, and the line says what to write."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith(line)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("agency add x --region 64 --kind foo", "'--kind': 'foo' is not one of 'reports', 'incidents'"),
        ("agency change x --kind foo", "'--kind': 'foo' is not one of"),
        ("agency add x --region 64 --kind reports --expires foo", "'--expires': 'foo' does not match the formats"),
        ("person add x --role foo", "'--role': 'foo' is not one of 'viewer', 'operator', 'admin'"),
        ("submit file --kind foo", "'--kind': 'foo' is not one of 'report'"),
    ],
)
def test_a_wrong_option_is_told_in_plain_words(arguments: str, told: str) -> None:
    """What it is not, and nothing of how we found out. Status 2, as for all that is wrong with an option."""
    done = CliRunner().invoke(main, arguments.split())
    assert done.exit_code == 2
    said = " ".join(done.stderr.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
    assert f"Invalid value for {told}" in said


def test_a_backup_that_has_no_place_ends_with_the_status_that_its_help_says(tmp_path: Path) -> None:
    """1 for a file that cannot be written, 2 for one that is there already; nobody is asked for anything by then."""
    there = tmp_path / "there"
    there.touch()
    for file, status, said in ((tmp_path / "no folder" / "x", 1, "No such file"), (there, 2, "is there already")):
        done = CliRunner().invoke(main, ["backup", str(file)])
        assert (done.exit_code, said in done.output) == (status, True), done.output
    for command in ("backup", "restore"):
        told = " ".join(CliRunner().invoke(main, [command, "--help"]).output.split())
        assert "1 MongoDB did not do it, or the file could not be" in told


def test_settings_prints_the_readmes_table() -> None:
    """A Markdown table of all variables."""
    done = CliRunner().invoke(main, ["settings"])
    assert done.stdout.startswith("| variable | default | meaning |")
    assert "`DESK_KAFKA`" in done.stdout


@pytest.mark.parametrize(
    ("clock", "monday"),
    [
        ("2024-11-18T00:00:00+08:00@60", "2024-11-18"),
        ("2024-11-18T00:00:00+09:00@60", "2024-11-11"),  # still Sunday in the election's zone
        ("2024-11-24T23:59:00+08:00@60", "2024-11-18"),
    ],
)
def test_the_first_judged_date_is_the_clocks_monday(clock: str, monday: str) -> None:
    """The Monday on or before the clock's start, in the election's zone."""
    assert first_judged(Settings(clock=clock)).isoformat() == monday


def test_the_first_judged_date_is_of_the_elections_weekday(tmp_path: Path) -> None:
    """An election whose reports are for Wednesdays begins with the Wednesday that holds the clock's start."""
    text = Settings().election.read_text(encoding="utf-8").replace("weekday: monday", "weekday: wednesday")
    election = tmp_path / "election.yaml"
    election.write_text(text, encoding="utf-8")
    settings = Settings(election=election, roster=DEFAULT_ROSTER, clock="2024-11-19T00:00:00+08:00@60")
    assert first_judged(settings).isoformat() == "2024-11-13"


def test_options_are_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an option names is taken, as an absolute path, before what DESK_* says."""
    monkeypatch.setenv("DESK_ELECTION", "none.yaml")
    with pytest.raises(Misconfigured, match=r"none\.yaml"):
        checked_settings(StackOptions(tmp_path))
    given = Path("deploy/elections/kaltim-2024.yaml")
    monkeypatch.chdir(ROOT)
    assert checked_settings(StackOptions(tmp_path, election=given)).election == ROOT / given


@pytest.mark.parametrize(
    ("clock", "is_warned"),
    [
        ("2024-11-18T20:00:00+08:00@1", False),
        ("2024-12-16T20:00:00+08:00@1", False),
        ("2024-12-23T08:00:00+08:00@1", True),
    ],
)
def test_a_person_is_told_when_nothing_will_be_judged(tmp_path: Path, clock: str, is_warned: bool) -> None:
    """After the last period nobody is missing any more: better said than wondered at."""
    warning = nothing_ahead(checked_settings(StackOptions(data_dir=tmp_path, clock=clock)))
    assert (warning is not None) is is_warned
    assert warning is None or "--clock" in warning


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no username")])
def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """As in a container, whose user stands in no list."""

    def nameless() -> str:
        raise error

    assert re.fullmatch(r"cli:\S+", who())
    monkeypatch.setattr("getpass.getuser", nameless)
    assert who() == f"cli:{os.getuid()}"
