"""Logistics: of all statements of one region's item the latest holds, in whatever order they come."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import views
from shared.election import stock_statements
from shared.events.logistics import LogisticsEvent
from shared.exactly_once.cursors import Document, empty
from tests.builders import a_calendar, a_stock, utc

AT = utc("2024-11-25 01:00")
HOUR = timedelta(hours=1)

EARLY = a_stock(AT, 40, event_id="l1")
LATE = a_stock(AT + 5 * HOUR, 100, event_id="l2", source_office="Gudang KPU")
# Said after the latest one, of an hour before it: a desk that was offline.
BETWEEN = a_stock(AT + 4 * HOUR, 70, received=AT + 9 * HOUR, event_id="l3")


def after(*statements: LogisticsEvent) -> Document:
    return reduce(stock_statements.after_statement, statements, empty("64.72/ballot_boxes"))


@pytest.mark.parametrize("order", list(permutations([EARLY, BETWEEN, LATE])))
def test_the_latest_hour_holds_not_the_latest_arrival(order: tuple[LogisticsEvent, ...]) -> None:
    """Of three statements in any order that of the latest `as_of` holds, and three are counted."""
    assert views.stock(a_calendar(), after(*order)) == {
        "region": "64.72",
        "name": "Kota Samarinda",
        "item": "ballot_boxes",
        "label": {"id": "Kotak suara", "en": "Ballot boxes"},
        "required": 100,
        "received": 100,
        "complete": True,
        "as_of": AT + 5 * HOUR,
        "received_at": AT + 5 * HOUR + timedelta(minutes=5),
        "agency": "samarinda-desk",
        "id": "l2",
        "source_office": "Gudang KPU",
        "statements": 3,
    }


@pytest.mark.parametrize(("required", "received", "complete"), [(10, 9, False), (10, 10, True), (0, 0, True)])
def test_complete_is_all_that_is_required(required: int, received: int, complete: bool) -> None:
    """Nothing less, and nothing is needed where nothing is required."""
    assert views.stock(a_calendar(), after(a_stock(AT, received, required=required)))["complete"] is complete


def test_item_that_left_the_election_file_has_no_label() -> None:
    """What was stated is still shown."""
    document = stock_statements.after_statement(empty("64.72/lanterns"), a_stock(AT, item="lanterns"))
    shown = views.stock(a_calendar(), document)
    assert (shown["item"], shown["label"], shown["received"]) == ("lanterns", None, 10)


@st.composite
def statements(draw: Any) -> list[LogisticsEvent]:
    """Several within one millisecond, by `as_of` and by receipt."""
    instants = st.sampled_from([AT + timedelta(microseconds=us) for us in (0, 100, 200, 5_000)])
    return [
        a_stock(draw(instants), draw(st.integers(0, 100)), received=draw(instants), event_id=f"l{n}")
        for n in range(draw(st.integers(1, 8)))
    ]


@given(events=statements(), data=st.data())
def test_any_order_gives_the_same_document(events: list[LogisticsEvent], data: Any) -> None:
    """To the last field, and the one that holds is the greatest by as_of, receipt and id."""
    assert after(*data.draw(st.permutations(events))) == after(*events)
    holds = max(events, key=lambda e: (_ms(e.data.as_of), _ms(e.receivedat), e.id))
    assert after(*events)["id"] == holds.id


def _ms(instant: Any) -> Any:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
