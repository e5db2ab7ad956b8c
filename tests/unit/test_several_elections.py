"""Several elections at once: each file says what is its own, what holds for all is said once."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from desk.cli import main
from services.notifier.verdicts import judgements
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.loaded import load_calendar
from shared.election.logistics_line import lines_of
from shared.exactly_once import retention
from shared.yaml_files import BadFile
from tests.builders import MONDAY, an_incident, utc

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KUKAR, SAMARINDA = "64.02", "64.72"
REVOTE_MONDAY = date(2025, 4, 14)
LABEL = {"label": {"id": "Lain", "en": "Other"}}


def files(tmp_path: Path, *also: dict[str, Any], **first: Any) -> Path:
    """The two files that we ship, the second named by the first; each changed as a test says (None takes out)."""
    main_file = yaml.safe_load((DEPLOY / "elections" / "kaltim-2024.yaml").read_text(encoding="utf-8"))
    revote = yaml.safe_load((DEPLOY / "elections" / "psu-kukar-2025.yaml").read_text(encoding="utf-8"))
    names = [f"also-{n}.yaml" for n in range(len(also))]
    roster = str(DEPLOY / "roster" / "kaltim.csv")
    contents = {"first.yaml": {**main_file, "also": names, "roster": roster, **first}}
    contents |= {name: {**revote, "roster": roster, **changes} for name, changes in zip(names, also, strict=True)}
    for name, content in contents.items():
        said = {key: value for key, value in content.items() if value is not None}
        (tmp_path / name).write_text(yaml.safe_dump(said), encoding="utf-8")
    return tmp_path / "first.yaml"


def both(tmp_path: Path, **changes: Any) -> Calendar:
    return load_calendar(files(tmp_path, changes), None, None)


def test_the_re_vote_that_we_ship_loads_alone_too() -> None:
    """One regency owes reports, and it alone has a quiet period and a line."""
    calendar = load_calendar(DEPLOY / "elections" / "psu-kukar-2025.yaml", None, None)
    assert list(calendar.owing(REVOTE_MONDAY)) == [KUKAR]
    assert (len(lines_of(calendar, KUKAR)), len(lines_of(calendar, SAMARINDA))) == (1, 0)


def test_each_report_is_owed_for_its_own_election(tmp_path: Path) -> None:
    """In November everybody owes one for the regional election, in April one regency for the re-vote; each judged from
    its own file's day on."""
    calendar = both(tmp_path)
    assert {deadline.election for deadline in calendar.owing(MONDAY).values()} == {"kaltim-2024"}
    assert len(calendar.owing(MONDAY)) == 10
    assert {code: deadline.election for code, deadline in calendar.owing(REVOTE_MONDAY).items()} == {
        KUKAR: "psu-kukar-2025"
    }
    periods = [str(period) for period in calendar.all_periods()]
    assert (periods[0], periods[5:7], periods[-1]) == ("2024-11-11", ["2024-12-16", "2025-03-24"], "2025-04-28")
    alone = load_calendar(files(tmp_path, also=None), None, None)
    assert periods[:6] == [str(period) for period in alone.all_periods()]


@pytest.mark.parametrize(
    ("region", "at", "in_quiet_period"),
    [
        (KUKAR, "2024-11-25 04:00", True),
        (SAMARINDA, "2024-11-25 04:00", True),
        (KUKAR, "2025-04-15 15:59:59.999999", False),
        (KUKAR, "2025-04-15 16:00", True),
        (f"{KUKAR}.01", "2025-04-18 15:59:59.999999", True),
        (KUKAR, "2025-04-18 16:00", False),
        (SAMARINDA, "2025-04-17 04:00", False),
        ("64", "2025-04-17 04:00", False),
    ],
)
def test_quiet_periods_are_each_regions_own(tmp_path: Path, region: str, at: str, in_quiet_period: bool) -> None:
    """That of the re-vote holds where it is held, and nowhere else."""
    calendar = both(tmp_path)
    assert calendar.in_quiet_period(region, utc(at)) is in_quiet_period
    found = quiet_period.flags(calendar, an_incident(utc(at), utc(at), region=region))
    assert found.is_quiet_period_violation is in_quiet_period


def test_logistics_have_a_line_for_each_voting(tmp_path: Path) -> None:
    """The re-vote needs new ballots: what came before the first line was meant for that."""
    calendar = both(tmp_path)
    assert [str(line.day) for line in lines_of(calendar, SAMARINDA)] == ["2024-11-27"]
    first, second = lines_of(calendar, KUKAR)
    assert (str(first.day), str(second.day), second.since) == ("2024-11-27", "2025-04-19", first.at)


def test_one_file_after_the_other_changes_nothing_of_the_first(tmp_path: Path) -> None:
    """When the re-vote is added later, all deadlines, judgements and rules of November are what they were."""
    before = load_calendar(files(tmp_path, also=None), None, None)
    after = both(tmp_path)
    for period in before.all_periods():
        assert dict(before.owing(period)) == dict(after.owing(period))
    assert judgements.planned(before).items() <= judgements.planned(after).items()
    for code, now in itertools.product((KUKAR, SAMARINDA), ("2024-11-25 04:00", "2024-12-30 04:00")):
        assert before.at(code, utc(now)).categories == after.at(code, utc(now)).categories
        assert before.period_of(code, Level.REGENCY, utc(now)) == after.period_of(code, Level.REGENCY, utc(now))


def test_regions_of_two_elections_are_judged_in_one_judgement(tmp_path: Path) -> None:
    """If they owe for the same day by the same hour: the log is proven once for all."""
    rules = [{"level": "regency", "from": date(2024, 11, 18), "until": date(2024, 11, 18)}]
    others = [{**rules[0], "regions": [SAMARINDA]}]
    file = files(tmp_path, {"obligations_from": MONDAY, "reports": rules}, reports=others)
    calendar = load_calendar(file, None, None)
    (planned,) = judgements.planned(calendar).values()
    owed = judgements.owed_in(calendar.owing(planned.period), planned, None, 9)
    assert [(code, deadline.election) for code, deadline in owed.items()] == [
        (KUKAR, "psu-kukar-2025"),
        (SAMARINDA, "kaltim-2024"),
    ]


def test_each_file_is_amended_alone(tmp_path: Path) -> None:
    """A new rule of the re-vote ends the re-vote's old one, and none of the regional election's."""
    daily = {"level": "regency", "every": "day", "from": date(2025, 4, 16), "until": date(2025, 4, 19)}
    calendar = both(tmp_path, amendments=[{"effective": date(2025, 4, 15), "reports": [daily]}])
    periods = [str(period) for period in calendar.all_periods()]
    assert periods[-5:] == ["2025-04-14", "2025-04-16", "2025-04-17", "2025-04-18", "2025-04-19"]
    assert list(calendar.owing(date(2025, 4, 17))) == [KUKAR]  # an amendment is held to the file's regions too
    assert len(calendar.owing(date(2024, 12, 16))) == 10


@pytest.mark.parametrize(
    ("first", "second", "judged"),
    [
        ("2024-12-09", "2025-04-21", ["2024-12-09", "2024-12-16", "2025-04-21", "2025-04-28"]),
        ("2025-06-01", "2025-04-28", ["2025-04-28"]),
    ],
)
def test_each_is_judged_from_its_own_day_on(tmp_path: Path, first: str, second: str, judged: list[str]) -> None:
    """Whichever of the two comes first."""
    days = [date.fromisoformat(day) for day in (first, second)]
    calendar = load_calendar(files(tmp_path, {"obligations_from": days[1]}, obligations_from=days[0]), None, None)
    assert [str(period) for period in calendar.all_periods()] == judged


def test_a_quiet_period_that_is_amended_holds_from_then_on(tmp_path: Path) -> None:
    """An incident is judged by the rules of its receipt, those of the second file too."""
    longer = [{"stage": "quiet_period", "from": date(2025, 4, 15), "to": date(2025, 4, 18)}]
    calendar = both(tmp_path, amendments=[{"effective": date(2025, 4, 17), "stages": longer}])
    occurred = utc("2025-04-15 04:00")
    found = [
        quiet_period.flags(calendar, an_incident(occurred, utc(received), region=region)).occurred_in_quiet_period
        for received, region in (
            ("2025-04-16 15:59", KUKAR),
            ("2025-04-16 16:00", KUKAR),
            ("2025-04-17 04:00", SAMARINDA),
        )
    ]
    assert found == [False, True, False]


def test_obligations_from_can_be_moved_for_all(tmp_path: Path) -> None:
    """As `desk up` does with a clock."""
    calendar = load_calendar(files(tmp_path, {}), None, date(2025, 4, 1))
    assert [str(period) for period in calendar.all_periods()] == [f"2025-04-{day:02}" for day in (7, 14, 21, 28)]


def test_categories_are_those_of_all(tmp_path: Path) -> None:
    """What the second file adds is known; what it does not name stays as it is."""
    calendar = both(tmp_path, categories={"ballot_shortage": {"violation": False, **LABEL}})
    known = calendar.election.categories
    assert known["ballot_shortage"].label.en == "Other"
    assert known["money_politics"] == load_calendar(files(tmp_path), None, None).election.categories["money_politics"]


def test_the_journal_must_outlast_the_last_of_them(tmp_path: Path) -> None:
    """From the first day of the first election to the last of the last."""
    assert retention.span(both(tmp_path).election).days == 219


CLASH = [{"level": "regency", "from": date(2024, 12, 9), "until": date(2025, 4, 28)}]


@pytest.mark.parametrize(
    ("changes", "file", "key", "problem"),
    [
        ({"zone": "Asia/Jakarta"}, "also-0.yaml", "zone", "holds for all elections and is said by first.yaml"),
        ({"offline_allowance": "48h"}, "also-0.yaml", "offline_allowance", "holds for all elections"),
        ({"logistics": {"warn_from": "3d"}}, "also-0.yaml", "logistics", "holds for all elections"),
        ({"roster": str(DEPLOY / "roster" / "nasional.csv")}, "also-0.yaml", "roster", "holds for all elections"),
        ({"also": ["x.yaml"]}, "also-0.yaml", "also", "may stand in the first file alone"),
        ({"regions": None}, "also-0.yaml", "stages.0", "holds for all regions"),
        ({"regions": ["99"]}, "also-0.yaml", "regions.99", "is no region of the roster"),
        ({"election": "kaltim-2024"}, "also-0.yaml", "election", "is the slug of first.yaml too"),
        ({"stages": []}, "also-0.yaml", "stages", "is empty"),
        ({"election": "two words"}, "also-0.yaml", "election", ""),
        (
            {"categories": {"security": {"violation": True, **LABEL}}},
            "also-0.yaml",
            "categories.security",
            "means something else in first.yaml",
        ),
        (
            {"amendments": [{"effective": date(2025, 4, 1), "clock_tolerance": "1h"}]},
            "also-0.yaml",
            "amendments.0.clock_tolerance",
            "holds for all elections",
        ),
        (
            {"reports": CLASH},
            "first.yaml",
            "also",
            "64.02 owes a report for 2024-12-09 under kaltim-2024 and under psu",
        ),
    ],
)
def test_a_bad_file_beside_is_named(
    tmp_path: Path, changes: dict[str, Any], file: str, key: str, problem: str
) -> None:
    """In one line: the file, the key, what is wrong, an example."""
    first = files(tmp_path, changes)
    with pytest.raises(BadFile) as refused:
        load_calendar(first, None, None)
    line = str(refused.value)
    assert line.startswith(f"{tmp_path / file}: {key}"), line
    assert problem in line
    assert "\n" not in line
    assert "(for example `" in line


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A path beside the first file."""
    with pytest.raises(BadFile, match=r"none\.yaml: file: cannot be read"):
        load_calendar(files(tmp_path, also=["none.yaml"]), None, None)


def test_two_of_the_same_are_refused(tmp_path: Path) -> None:
    """The same file twice, too."""
    with pytest.raises(BadFile, match=r"is the slug of also-0\.yaml too"):
        load_calendar(files(tmp_path, {}, {}), None, None)


def test_what_says_the_same_as_the_first_is_no_mistake(tmp_path: Path) -> None:
    """So a file that works alone works beside another."""
    assert both(tmp_path, offline_allowance="3d", zones={}, repeated_text_weeks=3, clock_tolerance="600s")


def test_check_says_whose_each_rule_is(tmp_path: Path) -> None:
    """In words, for each election."""
    done = CliRunner().invoke(main, ["check", "--election", str(files(tmp_path, {}))])
    assert done.exit_code == 0, done.stderr
    for part in (
        "Beside it: psu-kukar-2025 (2025 re-vote, Kutai Kartanegara).",
        "kaltim-2024: Reports: each of 10 regencies and cities, every Monday",
        "psu-kukar-2025: Reports: each of 1 regency or city, every Monday",
        "psu-kukar-2025: Nothing before 2025-03-24 is judged.",
    ):
        assert part in done.stdout
