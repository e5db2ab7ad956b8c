"""What a region has received by a moment, and the steps at which that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest

from services.notifier import changes, rules
from services.notifier.moments import stocks
from services.notifier.moments.logistics_steps import steps_of
from services.notifier.notices import notices
from services.notifier.rules import logistics
from services.notifier.rules.rule import Severity
from shared.election.calendar import Calendar
from shared.events.logistics import LogisticsEvent
from shared.exactly_once.cursors import empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from tests.builders import a_calendar, a_stock, utc

Document = dict[str, Any]
CALENDAR = a_calendar()
LINE = utc("2024-11-26T16:00:00Z")  # midnight in Samarinda
D3 = utc("2024-11-23T16:00:00Z")
TICK = timedelta(microseconds=1)


def key(region: str = "64.72", calendar: Calendar = CALENDAR) -> list[tuple[str, datetime]]:
    return [(logistics.alert_id(region, step), step.at) for step in steps_of(calendar, region)]


def test_steps_towards_the_line() -> None:
    """Seven, three and one day before the first day of voting and at it, each at the region's midnight."""
    assert key() == [
        ("logistics:64.72:D-7", utc("2024-11-19T16:00Z")),
        ("logistics:64.72:D-3", D3),
        ("logistics:64.72:D-1", utc("2024-11-25T16:00Z")),
        ("logistics:64.72:line", LINE),
    ]
    east = a_calendar(zones={"64.72": "Asia/Jayapura"})
    assert [at for _, at in key(calendar=east)] == [at - timedelta(hours=1) for _, at in key()]


def test_a_revote_has_steps_of_its_own() -> None:
    """In its region alone; and what lies before `obligations_from` is nobody's."""
    stages = [
        {"stage": "quiet_period", "from": date(2024, 11, 24), "to": date(2024, 11, 26)},
        {"stage": "voting", "from": date(2024, 11, 27), "to": date(2024, 11, 27)},
        {"stage": "voting", "from": date(2025, 4, 19), "to": date(2025, 4, 19), "regions": ["64.02"]},
    ]
    twice = a_calendar(stages=stages, obligations_from=date(2024, 11, 24))
    ids = [name for name, _ in key("64.02", twice)]
    assert ids == [
        *(f"logistics:64.02:{step}" for step in ("D-3", "D-1", "line")),
        *(f"logistics:64.02:2025-04-19:{step}" for step in ("D-7", "D-3", "D-1", "line")),
    ]
    assert [name for name, _ in key("64.72", twice)] == [f"logistics:64.72:{s}" for s in ("D-3", "D-1", "line")]


def after(*statements: LogisticsEvent) -> dict[str, Document]:
    """The region's stocks, by item, as the notifier folds them."""
    found: dict[str, Document] = {}
    for offset, statement in enumerate(statements):
        position = Position("desk.logistics", 1, offset)
        (change,) = changes.changes_of(CALENDAR)(Sighting(position, statement, Record(position, b"64.72", b"")))
        item = statement.data.item
        assert (change.collection, change.document_id) == ("stocks", f"64.72/{item}")
        found[item] = change.apply(found.get(item) or empty(change.document_id))
    return found


def lacks(found: dict[str, Document], by: datetime | None = None, since: datetime | None = None) -> list[Any]:
    """Of ballot boxes and ink."""
    held = stocks.held(found, ("ballot_boxes", "ink"), since, by)
    return [(one["item"], one["received"]) for one in stocks.lacking(held)]


EARLY = a_stock(D3 - timedelta(days=2), 40, event_id="l1")
IN_TIME = a_stock(D3 - timedelta(hours=1), 100, received=D3 - TICK, event_id="l2")
TOO_LATE = a_stock(D3 - timedelta(hours=1), 100, received=D3, event_id="l3")
TAKEN_BACK = a_stock(D3 + timedelta(hours=1), 90, event_id="l4")
INK = a_stock(D3 - timedelta(days=1), 5, event_id="l5", item="ink", required=5)


@pytest.mark.parametrize(
    ("statements", "by_then", "by_now"),
    [
        ([], [("ballot_boxes", None), ("ink", None)], [("ballot_boxes", None), ("ink", None)]),
        ([EARLY], [("ballot_boxes", 40), ("ink", None)], [("ballot_boxes", 40), ("ink", None)]),
        ([EARLY, IN_TIME, INK], [], []),
        ([EARLY, TOO_LATE, INK], [("ballot_boxes", 40)], []),
        ([IN_TIME, TAKEN_BACK, INK], [], [("ballot_boxes", 90)]),
        ([TOO_LATE, INK], [("ballot_boxes", None)], []),
    ],
)
def test_what_was_there_by_a_moment(statements: list[LogisticsEvent], by_then: list[Any], by_now: list[Any]) -> None:
    """To the microsecond of receipt, however much is read since, and in whatever order."""
    for order in permutations(statements):
        found = after(*order)
        assert sorted(lacks(found, D3)) == by_then
        assert sorted(lacks(found)) == by_now
        assert all(stock["unsettled"] == stock["statements"] for stock in found.values())


def test_what_was_stated_for_an_earlier_voting_does_not_count() -> None:
    """By the hour of which it speaks."""
    found = after(EARLY, IN_TIME, INK)
    assert lacks(found, since=D3 - timedelta(hours=1)) == [("ink", None)]
    assert lacks(found, since=D3) == [("ballot_boxes", None), ("ink", None)]


def test_a_moment_that_the_election_file_had_not_yet() -> None:
    """What holds now answers, if it had come by then."""
    found = after(EARLY)
    assert lacks(found, D3 - timedelta(days=1)) == [("ballot_boxes", 40), ("ink", None)]
    assert lacks(found, D3 - timedelta(days=3)) == [("ballot_boxes", None), ("ink", None)]


# Alerts

STEPS = steps_of(CALENDAR, "64.72")
LACKING: list[Document] = [
    {"item": "ink", "received": None, "required": None},
    {"item": "ballots", "received": 9, "required": 10},
]


def an_alert(number: int = 1, *, is_told: bool = True) -> Document:
    step = STEPS[number]
    return logistics.lacked(empty(logistics.alert_id("64.72", step)), "64.72", step, LACKING, step.at, is_told=is_told)


@pytest.mark.parametrize(
    ("number", "severity"), [(0, Severity.INFO), (1, Severity.WARNING), (2, Severity.WARNING), (3, Severity.CRITICAL)]
)
def test_it_presses_more_from_step_to_step(number: int, severity: Severity) -> None:
    assert rules.severity_of(an_alert(number)) is severity


def following(alert: Document, lacking: list[Document], hours: int) -> Document:
    return logistics.following(alert, "64.72", STEPS[1], lacking, D3 + timedelta(hours=hours))


def test_life() -> None:
    """It ends with the last receipt, fires again when that is taken back, and ends silently at the next step."""
    steps: list[Callable[[Document], Document]] = [
        lambda a: following(a, LACKING, 1),  # as before
        lambda a: following(a, [], 2),
        lambda a: following(a, [], 2),
        lambda a: following(a, LACKING[1:], 3),
        lambda a: logistics.superseded(a, LACKING, None, D3 + timedelta(hours=4)),
        lambda a: logistics.superseded(a, [], None, D3 + timedelta(hours=5)),
    ]
    alert = reduce(lambda a, step: step(a), steps, an_alert())
    assert [(h["what"], h["why"]) for h in alert["history"]] == [
        ("raised", "not_complete"),
        ("resolved", "received"),
        ("raised_again", "taken_back"),
        ("resolved", "superseded"),
    ]
    told = [notices.of_alert(alert, change, CALENDAR).payload["data"]["text"]["en"] for change in alert["to_notice"]]
    assert told == [
        "Kota Samarinda: logistics are not complete (D-3; line 27-11-2024); not received: Ink, Ballots 9/10.",
        "Kota Samarinda: all logistics have been received (24-11-2024 02:00 WITA; line 27-11-2024).",
        "Kota Samarinda: logistics are incomplete again (D-3; line 27-11-2024); not received: Ballots 9/10.",
    ]
    indonesian = notices.of_alert(alert, alert["to_notice"][0], CALENDAR).payload["data"]["text"]["id"]
    assert indonesian == (
        "Kota Samarinda: logistik belum lengkap (H-3; batas 27-11-2024); belum diterima: Tinta, Surat suara 9/10."
    )


def test_complete_at_the_step_and_taken_back_since() -> None:
    """Then it fires for the first time."""
    nothing = empty(logistics.alert_id("64.72", STEPS[1]))
    assert following(nothing, [], 1) is nothing
    assert following(nothing, LACKING, 1)["history"][0]["why"] == "taken_back"


def test_a_step_that_is_past_already_is_told_to_nobody() -> None:
    alert = an_alert(is_told=False)
    assert (alert["state"], alert["to_notice"]) == ("firing", [])
