"""The pure parts of the form for people: what is offered, what was meant, what is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import orjson
import pytest

from services.intake.pages import refusals, routes, views
from services.intake.pages.forms import FORMS, INCIDENT, REPORT, WITHDRAWAL, is_form_id, to_json
from services.intake.pages.local_time import with_offset
from services.intake.pages.period_choice import offered
from services.intake.pages.region_choice import MOST_LISTED, choice, choice_with, preselected
from services.intake.pages.slips import Slip, from_query, to_query
from services.intake.pages.views import Desk, form_view
from services.intake.pages.words import Words
from shared.access.keys import Grant, Kind
from shared.election.cadence import WEEK
from shared.election.config import Level
from shared.election.loaded import load_calendar
from shared.election.roster import Region, Roster
from shared.events.incident import Severity
from shared.events.report import Condition
from shared.http.pages import signing
from shared.texts import catalogue
from tests.builders import PLAIN, REGIONS, a_calendar, utc
from tests.texts_of_pages import unknown_and_idle

ROOT = Path(__file__).resolve().parents[2]
NATION = load_calendar(ROOT / "deploy" / "elections" / "nasional-2024.yaml", None, None)
KALTIM = load_calendar(ROOT / "deploy" / "elections" / "kaltim-2024.yaml", None, None)
ROSTER = Roster(REGIONS)


def codes(found: Any) -> list[str]:
    return [region.code for region in found.regions()]


# Regions


@pytest.mark.parametrize(
    ("scope", "within", "listed"),
    [
        (("*",), None, [r.code for r in REGIONS]),
        (("64.72",), None, ["64.72", "64.72.01", "64.72.01.1001"]),
        (("64.72.01", "64.71"), None, ["64.71", "64.72.01", "64.72.01.1001"]),
        (("64.72", "64.72.01"), None, ["64.72", "64.72.01", "64.72.01.1001"]),  # one within the other
        (("64.72", "99"), None, ["64.72", "64.72.01", "64.72.01.1001"]),  # not in the roster
        (("99",), None, []),
        ((), None, []),
        (("64",), "64.72.01", ["64.72.01", "64.72.01.1001"]),
        (("64.71",), "64.72", ["64.71"]),  # outside the scope: as if it were not said
        (("64",), "nonsense", [r.code for r in REGIONS]),
    ],
)
def test_the_regions_of_a_scope(scope: tuple[str, ...], within: str | None, listed: list[str]) -> None:
    """Whole subtrees, each region once, in the order of their codes."""
    found = choice(ROSTER, scope, within)
    assert (codes(found), found.has_more) == (listed, False)


def test_regions_stand_below_what_they_belong_to() -> None:
    """The deepest level is grouped by the one above it; what lies higher stands alone."""
    found = [(g.heading and g.heading.code, [r.code for r in g.regions]) for g in choice(ROSTER, ("64",)).groups]
    assert found == [
        (None, ["64", "64.02", "64.71", "64.72"]),
        ("64.72.01", ["64.72.01", "64.72.01.1001"]),
    ]
    assert [g.heading and g.heading.code for g in choice(ROSTER, ("64.71", "64.02")).groups] == ["64"]


def test_a_page_lists_as_many_whole_levels_as_fit_and_the_rest_is_reached_by_narrowing() -> None:
    """Every region of the province and of the nation can be chosen, in a few steps, of short lists each."""
    for roster in (KALTIM.roster, NATION.roster):
        reached: set[str] = set()
        steps: list[str | None] = [None]
        while steps:
            within = steps.pop()
            found = choice(roster, ("*",), within)
            assert len(codes(found)) <= MOST_LISTED
            if found.has_more:
                steps += [code for code in codes(found) if code not in reached and roster.children(code)]
            reached |= set(codes(found))
        assert reached == {region.code for region in roster}


def test_what_was_chosen_is_among_what_is_offered() -> None:
    """Also a village of a large scope, and never what lies outside the scope."""
    village = next(r for r in KALTIM.roster if r.level is Level.VILLAGE)
    assert village.code not in choice(KALTIM.roster, ("64",))
    found = choice_with(KALTIM.roster, ("64",), None, village.code)
    assert (village.code in found, found.within) == (True, village.parent)
    assert codes(choice_with(ROSTER, ("64.71",), None, "64.72")) == ["64.71"]
    assert codes(choice_with(ROSTER, ("64.71",), None, "64")) == ["64.71"]


@pytest.mark.parametrize(
    ("scope", "chosen"),
    [(("64.72",), "64.72"), (("64.72.01.1001",), "64.72.01.1001"), (("64",), None), (("64.71", "64.72"), None)],
)
def test_a_desk_most_likely_speaks_of_its_own_region(scope: tuple[str, ...], chosen: str | None) -> None:
    """A province's desk, and one of several regions, has to choose."""
    assert preselected(ROSTER, scope) == chosen


# Mondays and times


@pytest.mark.parametrize(
    ("now", "current"),
    [
        ("2024-11-18T00:00+08:00", "2024-11-18"),
        ("2024-11-17T23:59+08:00", "2024-11-11"),
        ("2024-11-24T12:00+08:00", "2024-11-18"),
    ],
)
def test_the_mondays_that_are_offered(now: str, current: str) -> None:
    """The next one, this one and four before it, by the region's own clock."""
    found = offered(a_calendar(), "64.72", utc(now))
    assert [one.called for one in found] == ["week.next", "week.this", "week.last", None, None, None]
    assert [(found[1].day - one.day) // WEEK for one in found] == [-1, 0, 1, 2, 3, 4]
    assert str(found[1].day) == current
    assert {one.day.weekday() for one in found} == {0}


def test_the_days_that_are_offered_where_a_report_is_owed_every_day() -> None:
    """Tomorrow, today and the week before it; Mondays are weeks again on both sides of the daily ones."""
    daily = {"level": "regency", "every": "day", "from": date(2024, 11, 24), "until": date(2024, 11, 27)}
    calendar = a_calendar(reports=[*PLAIN["reports"], daily])
    shown = {
        now: [f"{one.day:%d} {one.called or ''}".strip() for one in offered(calendar, "64.72", utc(f"2024-{now}"))]
        for now in ("11-23 04:00", "11-26 04:00", "12-01 04:00")
    }
    assert shown == {
        "11-23 04:00": ["24 day.next", "18 week.this", "11 week.last", "04", "28", "21"],
        "11-26 04:00": ["27 day.next", "26 day.this", "25 day.last", "24", "18", "11"],
        "12-01 04:00": ["02", "27", "26", "25", "24", "18"],
    }


@pytest.mark.parametrize(
    ("typed", "zone", "meant"),
    [
        ("2024-11-25T21:30", "Asia/Makassar", "2024-11-25T21:30:00+08:00"),
        ("2024-11-25T21:30", "Asia/Jakarta", "2024-11-25T21:30:00+07:00"),
        ("2024-11-25T21:30:59", "Asia/Jayapura", "2024-11-25T21:30:59+09:00"),
        ("2024-11-25T21:30:59.123", "Asia/Jayapura", "2024-11-25T21:30:59+09:00"),
        ("2024-11-25 21.30", "Asia/Makassar", "2024-11-25T21:30:00+08:00"),
        ("2024-11-25", "Asia/Makassar", "2024-11-25"),
        ("2024-11-25T25:30", "Asia/Makassar", "2024-11-25T25:30"),
        ("2024-11-25T21:30+07:00", "Asia/Makassar", "2024-11-25T21:30+07:00"),
        ("25/11/2024 21:30", "Asia/Makassar", "25/11/2024 21:30"),
        ("٢٠٢٤-١١-٢٥T٢١:٣٠", "Asia/Makassar", "٢٠٢٤-١١-٢٥T٢١:٣٠"),
    ],
)
def test_a_local_time_is_an_instant_of_the_regions_zone(typed: str, zone: str, meant: str) -> None:
    """What is no local time stays as it was typed, for the model to refuse."""
    assert with_offset(typed, ZoneInfo(zone)) == meant


def test_each_region_has_its_own_clock() -> None:
    """Two regions, one wall time, two instants; a region that nobody knows has the election's zone."""
    calendar = a_calendar(zones={"64.72": "Asia/Jakarta"})
    for region, offset in (("64.72.01", "+07:00"), ("64.71", "+08:00"), ("..." * 9_000, "+08:00"), ("", "+08:00")):
        body = orjson.loads(to_json(INCIDENT, {"region": region, "occurred_at": "2024-11-25T21:30"}, calendar))
        assert body["occurred_at"] == f"2024-11-25T21:30:00{offset}"
    view = form_view(a_desk(calendar), INCIDENT, {})
    assert view.zones == "WIB, WITA"


# From what was typed to the body


@pytest.mark.parametrize(
    ("form", "typed", "body"),
    [
        (REPORT, {}, {}),
        (REPORT, {"summary": " a\r\nb ", "within": "64", "lang": "en"}, {"summary": "a\nb"}),
        (REPORT, {"topics.voters": "x", "topics.security": "y"}, {"topics": {"voters": "x", "security": "y"}}),
        (REPORT, {"replaces": "", "id": "r1"}, {"id": "r1"}),
        (INCIDENT, {"evidence.0.url": "https://a"}, {"evidence": [{"url": "https://a"}]}),
        (INCIDENT, {"evidence.0.url": "  "}, {}),
        (WITHDRAWAL, {"report": "r1", "reason": "x"}, {"report": "r1", "reason": "x"}),
    ],
)
def test_what_was_typed_becomes_the_apis_body(form: Any, typed: dict[str, str], body: dict[str, Any]) -> None:
    """By the fields' paths; what was left empty is left out, and what is none of the form's too."""
    assert orjson.loads(to_json(form, typed, a_calendar())) == body


def test_every_field_of_a_form_is_one_of_its_body() -> None:
    """And what an address may fill in, and what nobody sees, are fields."""
    for form in FORMS.values():
        assert {name.split(".")[0] for name in form.fields} <= form.body.model_fields.keys()
        assert {*form.linked, *form.hidden, *form.times} <= set(form.fields)
        needed = {name for name, field in form.body.model_fields.items() if field.is_required()}
        assert needed <= set(form.fields)


A_ULID = "01M8JWBZB28MFGCF8W0APMCXCA"


@pytest.mark.parametrize(
    ("sent", "is_ours"),
    [
        (A_ULID, True),
        (None, False),
        ("", False),
        ("r1", False),
        (A_ULID.lower(), False),
        ("8" + "Z" * 25, False),
        ("é" * 26, False),
    ],
)
def test_an_id_of_a_form(sent: str | None, is_ours: bool) -> None:
    """A ULID as we write it; anything else in an address is replaced."""
    assert is_form_id(sent) is is_ours


# Receipts


def test_a_receipt_survives_its_address_and_nothing_else() -> None:
    """Each change of it, and any other key, breaks the seal."""
    slip = Slip("report", "desk", "r1", "64.72", date(2024, 11, 18), datetime(2024, 11, 18, 2, tzinfo=UTC), False)
    for one in (slip, replace(slip, period=None, is_again=True)):
        query = dict(parse_qsl(to_query(one, "key"), keep_blank_values=True))
        assert from_query(query, "key") == one
        assert from_query(query, "other key") is None
        for name in query:
            assert from_query({**query, name: f"{query[name]}1"}, "key") is None
            assert from_query({n: v for n, v in query.items() if n != name}, "key") is None or query[name] == ""


# Words


def a_desk(calendar: Any, **changes: Any) -> Desk:
    grant = Grant("desk", "desk", frozenset(Kind), ("64",))
    plain = {"grant": grant, "calendar": calendar, "words": Words("id"), "now": utc("2024-11-18T02:00")}
    return Desk(**{**plain, **changes})


def test_dates_and_times_in_words() -> None:
    """In the region's zone, by its name."""
    instant = utc("2024-11-18T16:05")
    assert Words("id").moment(instant, ZoneInfo("Asia/Makassar")) == "Selasa, 19 November 2024, 00.05 WITA"
    assert Words("en").moment(instant, ZoneInfo("Asia/Jakarta")) == "Monday, 18 November 2024, 23:05 WIB"
    assert Words("id").day(date(2024, 8, 5), is_short=True) == "Senin, 5 Agu 2024"


def test_a_large_scope_is_named_in_short() -> None:
    """The first regions, and how many more."""
    regions = [Region("64", None, Level.PROVINCE, "KALTIM")]
    regions += [Region(f"64.{n:02}", "64", Level.REGENCY, f"R{n}") for n in range(1, 16)]
    desk = a_desk(a_calendar(*regions), grant=Grant("d", "d", regions=tuple(r.code for r in regions[1:])))
    assert desk.scope() == f"{', '.join(f'R{n}' for n in range(1, 13))}, dan 3 lainnya"
    assert a_desk(a_calendar(), grant=Grant("d", "d", regions=("*",))).scope() == "Semua wilayah"


def test_violations_are_offered_first() -> None:
    """In the election file's order, in the reader's language."""
    groups = form_view(a_desk(KALTIM, words=Words("en")), INCIDENT, {}).categories
    assert [group.heading for group in groups] == ["Violations", "Other events"]
    assert [option.value for option in groups[0].options][:2] == ["campaigning", "money_politics"]
    assert groups[0].options[1].label == "Money politics"


def test_a_correction_of_long_ago_keeps_its_day() -> None:
    """It is added to the Mondays that are offered."""
    view = form_view(a_desk(KALTIM), REPORT, {"period": "2024-09-30"})
    assert view.periods[-1].value == "2024-09-30"
    assert view.period == "Senin, 30 September 2024"


# Keys of which only the first part stands in the code -> what may follow.
FAMILIES: dict[str, list[str]] = {
    "region": [level.value for level in Level],
    "right": [kind.value for kind in Kind],
    "condition": [*Condition, *(f"{one}.hint" for one in Condition)],
    "severity": list(Severity),
    "sent": list(FORMS),
    "label": sorted({name for form in FORMS.values() for name in form.shown}),
    "button": ["send", "again", "correct", "withdraw"],
    "notice": [
        f"{what}.{part}"
        for what in [
            *signing.REFUSED,
            *refusals._AGAIN.values(),
            *(f"conflict_{called}" for called in FORMS),
            "signed_in",
        ]
        for part in ("title", "text")
    ],
    "error": [f"{n}.{part}" for n in routes.TOLD for part in ("title", "text")],
    "report": ["title", "intro"],
    "incident": ["title", "intro"],
}


def test_every_text_is_used_and_every_text_that_is_used_exists() -> None:
    """Those named in the templates and the code, and the families of which code names the first part; `wrong.` holds
    words for reasons of problems.yaml."""
    keys = frozenset(catalogue("forms"))
    wrong = {key for key in keys if key.removeprefix("wrong.") in catalogue("problems")}
    unknown, idle = unknown_and_idle("intake", keys, FAMILIES)
    assert (unknown, idle - wrong) == (frozenset(), frozenset())
    assert set(views._AGAIN) == set(refusals._AGAIN.values())
