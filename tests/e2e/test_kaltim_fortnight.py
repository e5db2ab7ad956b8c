"""East Kalimantan from 11 to 28 November 2024, on a real broker and database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from desk.stack.brokers import choose_broker
from tests.e2e import fortnight
from tests.e2e.answers import Flags
from tests.e2e.driving import instants, random_kills
from tests.e2e.fortnight_run import Fortnight, run_and_compare
from tests.e2e.oracle import Oracle
from tests.e2e.scenario_files import DEPLOY, KALTIM, read_regions, read_rules
from tests.e2e.submissions import CONFLICT, REFUSED, Submission, incident, report, status, withdrawal

pytestmark = pytest.mark.timeout(600)

Say = Callable[[str], None]
DESKS = tuple(f"64.{n}" for n in ("01", "02", "03", "07", "08", "09", "11", "71", "72", "74"))
BEGIN = datetime.fromisoformat("2024-11-11T00:00+08:00")
END = datetime.fromisoformat("2024-11-28T12:00+08:00")
SILENT = ("64.07", "64.08", "64.72")
TICK = timedelta(microseconds=1)


def at(text: str, offset: str = "+08:00") -> datetime:
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2024-11-{day}T{clock}{offset}")


def monday(day: int, silent: tuple[str, ...] = ()) -> list[Submission]:
    """Everyone but the silent ones reports at 9:00 local time of the province."""
    return [report(at(f"{day} 09:00"), desk, f"{day}-{desk}") for desk in DESKS if desk not in silent]


def scenario() -> list[Submission]:
    """The demonstration case: three silent desks on the 18th, three violations that count, two that do not. One of
    the three is dismissed, and Bontang withdraws its last report after it was judged."""
    again = report(at("25 10:00"), "64.01", "25-64.01")
    malformed = replace(report(at("25 10:00"), "64.02", "malformed"), expected=REFUSED)
    malformed.body["condition"] = "splendid"
    conflict = replace(report(at("25 11:00"), "64.03", "25-64.03", condition="critical"), expected=CONFLICT)
    return [
        *monday(11),
        *monday(18, SILENT),
        incident(at("15 10:00"), "64.72.01", "early-1", "campaigning", at("15 09:00")),
        report(at("19 10:00"), "64.08", "late-64.08", period=at("18 00:00").date()),
        incident(at("23 22:00"), "64.71", "early-2", "money_politics", at("23 21:00")),
        incident(at("24 08:00"), "64.72.01.1001", "quiet-1", "campaign_props", at("24 07:00")),
        *monday(25),
        again,
        malformed,
        conflict,
        incident(at("26 08:00"), "64.01", "ordinary", "power_internet", at("26 07:00")),
        incident(at("26 23:00"), "64.02", "quiet-2", "money_politics", at("26 20:00")),
        status(at("27 09:00"), "64.02", "no-case", "quiet-2", "dismissed"),
        withdrawal(at("27 10:00"), "64.74", "mistaken", "25-64.74", at("25 00:00").date()),
        incident(at("28 09:00"), "64.09", "quiet-3", "neutrality", at("25 15:00")),
    ]


def test_kaltims_fortnight_ends_the_same_whoever_dies(tmp_path: Path, say: Say) -> None:
    """Exactly the expected alerts, with each service killed once on the 18th, the 19th and the 24th."""
    sent = sorted(scenario(), key=lambda s: s.at)
    at_18, at_19, at_24 = (instants(s for s in sent if s.at < at(day)) for day in ("18 09:00", "19 10:00", "24 08:00"))
    kills = {at_18: ["notifier"], at_19: ["aggregator"], at_24: ["intake", "notifier"]}
    answers = run_and_compare(Fortnight(KALTIM, BEGIN, END, sent, kills), tmp_path / "data", say)
    assert answers.missing_alerts() == {
        "missing-report:2024-11-18:64.07": None,
        "missing-report:2024-11-18:64.08": "reported_late",
        "missing-report:2024-11-18:64.72": None,
        "missing-report:2024-11-25:64.74": None,
    }
    assert answers.dismissed_alerts() == {"quiet-period-violation:desk:quiet-2"}
    assert answers.violation_alerts() == {
        "quiet-period-violation:desk:quiet-1": Flags(True, True, True),
        "quiet-period-violation:desk:quiet-2": Flags(True, True, True),
        "quiet-period-violation:desk:quiet-3": Flags(True, True, False),
    }


def elsewhere(directory: Path) -> Path:
    """The same election with Samarinda in Jakarta's zone and Paser in Jayapura's."""
    content = yaml.safe_load(KALTIM.read_text(encoding="utf-8"))
    content["zones"] = {"64.72": "Asia/Jakarta", "64.01": "Asia/Jayapura"}
    content["roster"] = str(DEPLOY / "roster" / "kaltim.csv")
    path = directory / "elsewhere.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def at_the_deadlines() -> list[Submission]:
    """On the 18th: in Jakarta, Makassar and Jayapura, 1 us before the deadline and exactly at it."""
    west, middle, east = at("19 00:00", "+07:00"), at("19 00:00"), at("19 00:00", "+09:00")
    return [
        report(west - TICK, "64.72", "west"),
        report(middle - TICK, "64.02", "middle-in-time"),
        report(middle, "64.03", "middle-late"),
        report(east, "64.01", "east-late"),
        report(
            west + timedelta(hours=60), "64.71", "synced", submitted_at=middle - TICK, period=at("18 00:00").date()
        ),
        report(middle + timedelta(hours=2), "64.74", "when-judged"),
    ]


def from_wrong_clocks() -> list[Submission]:
    """Taken, and as of their receipt: late for the desks that had been silent."""
    return [
        report(at("16 12:00"), "64.09", "dead-battery", submitted_at=fortnight.EPOCH),
        report(at("26 08:00"), "64.11", "a-day-ahead", submitted_at=at("27 14:00")),
    ]


def at_the_quiet_periods_ends() -> list[Submission]:
    """In each zone: 1 us before its first instant, at it, at its last, and 1 us later."""
    found = []
    for code, offset in (("64.72", "+07:00"), ("64.02", "+08:00"), ("64.01", "+09:00"), ("64.01.01", "+09:00")):
        begin, end = at("24 00:00", offset), at("27 00:00", offset)
        for name, received, occurred in (
            ("before", begin - TICK, begin - TICK),
            ("first-report", begin, begin - TICK),
            ("first-event", begin, begin),
            ("last-event", end - TICK, end - TICK),
            ("last-told-after", end, end - TICK),
            ("after", end, end),
        ):
            found.append(incident(received, code, f"{name}.{code}", "campaigning", occurred))
    return found


def test_other_desks_and_zones_are_judged_in_their_own_time(tmp_path: Path, say: Say) -> None:
    """Boundaries of deadlines and of the quiet period, exact to the microsecond, in three zones."""
    silent = (*SILENT, "64.01", "64.02", "64.03", "64.71", "64.74")
    quiet = ("64.09", "64.11")
    mondays = [*monday(11, quiet[:1]), *monday(18, silent), *monday(25, quiet)]
    made = [*mondays, *at_the_deadlines(), *from_wrong_clocks(), *at_the_quiet_periods_ends()]
    sent = sorted(made, key=lambda s: s.at)
    answers = run_and_compare(Fortnight(elsewhere(tmp_path), BEGIN, END, sent, {}), tmp_path / "data", say)
    assert answers.missing_alerts() == {
        "missing-report:2024-11-11:64.09": "reported_late",
        "missing-report:2024-11-18:64.07": None,
        "missing-report:2024-11-18:64.08": None,
        "missing-report:2024-11-18:64.71": "delivered_late",
        "missing-report:2024-11-18:64.74": "reported_late",
        "missing-report:2024-11-25:64.09": None,
        "missing-report:2024-11-25:64.11": "reported_late",
    }
    verdicts = {code: o.verdict for (p, code), o in answers.obligations.items() if p == at("18 00:00").date()}
    assert {code: verdicts[code] for code in ("64.72", "64.02", "64.03", "64.01", "64.71", "64.74")} == {
        "64.72": "on_time",
        "64.02": "on_time",
        "64.03": "late",
        "64.01": "late",
        "64.71": "on_time",
        "64.74": "late",
    }
    told = {name.rpartition(":")[2].partition(".")[0] for name in answers.violation_alerts()}
    assert told == {"first-report", "first-event", "last-event", "last-told-after"}
    assert len(answers.violation_alerts()) == 16


def test_a_random_fortnight_of_all_levels_survives_broker_and_database(tmp_path: Path, seed: int, say: Say) -> None:
    """Villages, districts and the province too, three zones, and Kafka and MongoDB die as well as the services."""
    election = elsewhere(tmp_path)
    oracle = Oracle(read_rules(election), read_regions(election))
    sent = fortnight.Fortnight(seed, oracle, BEGIN, END, incidents=4).submissions()
    kills = random_kills(seed, instants(sent), 6)
    if choose_broker(say).keeps_data:
        kills |= {instants(sent) // 3: ["mongod"], instants(sent) * 2 // 3: ["kafka"]}
    run_and_compare(Fortnight(election, BEGIN, END, sent, kills), tmp_path / "data", say)
