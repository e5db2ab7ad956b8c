"""`desk check --explain`: who would be told of what, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from desk.checking import describe
from desk.cli import main
from desk.explaining import explain
from services.notifier.routing.receivers import Receivers
from services.notifier.rules import BY_NAME
from shared.election.loaded import load_calendar

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KALTIM, NATION = DEPLOY / "elections" / "kaltim-2024.yaml", DEPLOY / "elections" / "nasional-2024.yaml"
FILE = """
receivers:
  - {name: province, channel: console, regions: ["64"]}
  - {name: samarinda, channel: console, regions: ["64.72"], rules: [missing-report]}
  - {name: budi-telegram, channel: console}
  - {name: budi-mail, channel: console}
  - {name: head, channel: console}
  - {name: governor, channel: console}
  - {name: forgotten, channel: console, regions: ["99"]}
  - {name: spare, channel: console}
teams:
  - name: watch
    members: [{name: Budi, receivers: [budi-telegram, budi-mail]}]
    quiet_hours: {from: "22:00", to: "06:00"}
  - {name: reserve, members: [{name: Tono, receivers: [spare]}]}
routes:
  - to: [watch]
    severities: [warning]
    repeat_every: 6h
    escalate: [{after: 30m, to: [head]}, {after: 2h, to: [governor]}]
  - {to: [governor], stages: [quiet_period], rules: [quiet-period-violation]}
digest_wait: 1m
"""
ON_DUTY = "budi-telegram (Budi), budi-mail (Budi)"
THEN = [
    f"    again every 6h until somebody acknowledges it: {ON_DUTY}",
    "    after 30m, if nobody has acknowledged it: head",
    "    after 2h, if nobody has acknowledged it: governor",
    "    waits from 22:00 to 06:00, local time: budi-telegram, budi-mail",
]


def explained(election: Path, text: str = FILE) -> list[str]:
    return list(explain(load_calendar(election, None, None), Receivers.model_validate(yaml.safe_load(text))))


def of_rule(lines: list[str], rule: str) -> list[str]:
    """A rule's paragraph, without its head."""
    begin = next(n for n, line in enumerate(lines) if line.startswith(rule))
    rest = lines[begin + 1 :]
    return rest[: next((n for n, line in enumerate(rest) if not line.startswith(" ")), len(rest))]


def test_one_province() -> None:
    """By rule, region and stage; what comes out the same is said once; what follows is said with times."""
    lines = explained(KALTIM)
    assert "missing-report; what happens within 1m is told together:" in lines
    assert of_rule(lines, "missing-report") == [
        f"  everywhere else, warning: province, {ON_DUTY}",
        *THEN,
        f"  Kota Samarinda (64.72), warning: province, samarinda, {ON_DUTY}",
        *THEN,
    ]
    assert of_rule(lines, "quiet-period-violation") == [
        "  everywhere, critical, in campaign or counting with voting or counting or no stage: province",
        "  everywhere, critical, in quiet_period: province, governor",
    ]
    assert of_rule(lines, "cannot-evaluate") == ["  everywhere, critical: province, forgotten"]


def test_the_nation() -> None:
    """Regions are named with their codes, many of them by their number; where nobody is told, that stands out."""
    violation = of_rule(explained(NATION, "receivers: [{name: a, channel: console, regions: ['64']}]"), "quiet-period")
    assert violation == [
        "  Aceh (11), Sumatera Utara (12), Sumatera Barat (13), Riau (14), Jambi (15) and 31 others, critical: NOBODY",
        "  Kalimantan Timur (64), critical: a",
    ]


def test_doubts() -> None:
    """A region that is not there, and a receiver that nothing leads to."""
    assert explained(KALTIM)[-2:] == [
        "NOT IN THE ROSTER: receivers.6.regions names 99; nobody is told of anything there.",
        "NEVER TOLD: no route names spare, nor its team.",
    ]


def test_inhibition_is_said() -> None:
    """What holds back what."""
    text = f"{FILE}inhibit: [{{by: cannot-evaluate, mutes: [missing-report]}}]\n"
    assert "While cannot-evaluate fires in a region, it holds back there: missing-report." in explained(KALTIM, text)


def test_without_a_file() -> None:
    """The console is told of every rule, everywhere, whatever the severity."""
    lines = explained(KALTIM, "receivers: [{name: console, channel: console}]")
    for rule in BY_NAME:
        (line,) = of_rule(lines, rule)
        assert line.startswith("  everywhere")
        assert line.endswith(": console")


def test_the_check_tells_of_teams_and_routes() -> None:
    """What the file says, in its order."""
    told: Any = Receivers.model_validate(yaml.safe_load(FILE))
    lines = [
        x for x in describe(load_calendar(KALTIM, None, None), told, None) if x[:5] in ("Recei", "Team ", "Route")
    ]
    assert lines == [
        "Receiver province (console): everything, 64.",
        "Receiver samarinda (console): missing-report, 64.72.",
        *(
            f"Receiver {name} (console): by routes alone."
            for name in ("budi-telegram", "budi-mail", "head", "governor")
        ),
        "Receiver forgotten (console): everything, 99.",
        "Receiver spare (console): by routes alone.",
        "Team watch: Budi by budi-telegram and budi-mail; what is less than critical waits from 22:00 to 06:00, "
        "local time.",
        "Team reserve: Tono by spare.",
        "Route 1: everything, all regions, warning, to watch; while nobody acknowledges it: again every 6h, "
        "after 30m to head, after 2h to governor.",
        "Route 2: quiet-period-violation, all regions, in quiet_period, to governor.",
    ]


@pytest.mark.parametrize(("stage", "status"), [("quiet_period", 0), ("masa_tenang", 2)])
def test_the_command(tmp_path: Path, stage: str, status: int) -> None:
    """The dry run alone, or the one line of what is wrong."""
    file = tmp_path / "receivers.yaml"
    file.write_text(f"receivers: [{{name: a, channel: console, stages: [{stage}]}}]")
    done = CliRunner().invoke(main, ["check", "--explain", "--election", str(KALTIM), "--receivers", str(file)])
    assert done.exit_code == status
    told = "everywhere, warning, in quiet_period: a"
    assert (told if status == 0 else "receivers.0.stages: 'masa_tenang' is no stage of") in done.output
    assert "Roster" not in done.output
