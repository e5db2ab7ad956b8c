"""Items of the lists, each made once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import bson
import orjson
import pytest

from services.aggregator.lists import items
from services.aggregator.lists.items import Items
from services.aggregator.state.hand_overs import DUE_AT, holds_until, is_overdue
from shared.mongo import decoded
from tests.builders import utc
from tests.service.aggregator.november import StandingClock

DUE = utc("2024-11-20 00:00")
MOMENT = timedelta(milliseconds=1)


def kept(**fields: Any) -> bytes:
    return bson.encode(fields)


class Views:
    """What was taken apart, and how."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __call__(self, document: Any, now: datetime) -> Any:
        self.made.append(document["_id"])
        return {"id": document["_id"], "is_overdue": is_overdue(document, now)}


def shown(found: Items, *documents: bytes) -> Any:
    return orjson.loads(orjson.dumps(found.of(documents)))


def test_an_item_is_made_once_for_each_version_of_a_document() -> None:
    """Whatever else is shown beside it."""
    view = Views()
    found = Items(StandingClock(), view)
    first, second = kept(_id="a", rev=1), kept(_id="b", rev=1)
    assert [one["id"] for one in shown(found, first, second)] == ["a", "b"]
    assert [one["id"] for one in shown(found, second, first)] == ["b", "a"]
    assert view.made == ["a", "b"]
    shown(found, kept(_id="a", rev=2), second)
    assert view.made == ["a", "b", "a"]


@pytest.mark.parametrize("status", ["reported", "verified", "forwarded", "dismissed"])
def test_an_item_says_overdue_from_the_very_moment_on(status: str) -> None:
    """Though its document stays as it is; one that waits for nobody is made once."""
    clock, view = StandingClock(), Views()
    found = Items(clock, view, holds_until)
    document, said = kept(_id="a", status=status, **{DUE_AT: DUE}), []
    for instant in (DUE - MOMENT, DUE, DUE + MOMENT, DUE + 2 * MOMENT):
        clock.instant = instant
        said += [one["is_overdue"] for one in shown(found, document)]
        assert said[-1] == is_overdue(decoded(document), instant)
    waits = status in ("reported", "verified")
    assert said == [False, False, waits, waits]
    assert view.made == (["a", "a"] if waits else ["a"])


def test_what_is_kept_is_bounded_and_what_is_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many items those that nobody asks for are forgotten."""
    documents = [kept(_id=n, text="x" * 1000) for n in range(100)]
    monkeypatch.setattr(items, "MOST_KEPT_BYTES", 20 * 2 * len(documents[0]))
    view = Views()
    found = Items(StandingClock(), view)
    for document in documents:
        assert len(shown(found, documents[0], document)) == 2
    assert view.made.count(0) == 1
    assert len(found._young) + len(found._old) <= 21
    shown(found, documents[1])
    assert view.made.count(1) == 2
