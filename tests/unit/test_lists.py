"""Lists over HTTP: pages and their cursors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.aggregator.app import create_app as aggregator
from services.intake.app import create_app as intake
from services.notifier.app import create_app as notifier
from shared.http.lists import AlertsQuery, Page, decode_cursor, encode_cursor
from shared.http.problems import Problem


class Things(Page):
    called = "things"


@given(key=st.text(min_size=1, max_size=80))
def test_cursors_come_back(key: str) -> None:
    """A cursor is the last key, whatever characters it has."""
    assert decode_cursor("things", encode_cursor("things", key)) == key
    assert encode_cursor("things", key).isascii()


@pytest.mark.parametrize("cursor", ["*", "a", "ä", "/w==", "_w", "abcde", "a b c d"])
def test_bad_cursors(cursor: str) -> None:
    """A cursor that is not ours is a 422."""
    with pytest.raises(Problem) as refused:
        decode_cursor("things", cursor)
    assert refused.value.status == 422


def kinds_of(parent: type[Page]) -> Iterator[type[Page]]:
    for child in parent.__subclasses__():
        if child.__module__.startswith(("services.", "shared.")):
            yield child
        yield from kinds_of(child)


def test_every_list_knows_its_own_cursors() -> None:
    """That of another list would begin somewhere, as if the rest were all."""
    assert all((aggregator, intake, notifier))  # all lists are there
    names = [kind.called for kind in kinds_of(Page)]
    assert len(names) == len(set(names)) > 10
    assert " " not in "".join(names)
    for name in names:
        for other in {*names, ""} - {name}:
            with pytest.raises(Problem):
                decode_cursor(name, encode_cursor(other, "k"))


@pytest.mark.parametrize(("found", "limit", "following"), [(0, 2, None), (1, 2, None), (2, 2, None), (3, 2, "k1")])
def test_page(found: int, limit: int, following: str | None) -> None:
    """`next` is there if more was found than is shown, and leads behind the last one shown."""
    page = Things(limit=limit).of([{"k": f"k{n}"} for n in range(found)], lambda row: str(row["k"]))
    assert len(page["items"]) == min(found, limit)
    assert Things(cursor=page["next"]).after == following


@pytest.mark.parametrize(
    "query",
    [{"stat": "resolved"}, {"period": "1731888000"}, {"period": "20241118"}, {"limit": "0"}, {"limit": "1001"}],
)
def test_queries_refuse_what_means_nothing(query: dict[str, Any]) -> None:
    """An unknown name, a number for a day, a page of no size or too large."""
    with pytest.raises(ValidationError):
        AlertsQuery.model_validate(query)


def test_query_of_alerts() -> None:
    """Only what was asked for, as equalities and ranges."""
    assert AlertsQuery().to_mongo() == {}
    wanted = {"state": "firing", "rule": "missing-report", "region": "64", "period": "2024-11-18"}
    asked = AlertsQuery.model_validate(wanted).to_mongo()
    assert asked == {**wanted, "region": {"$gte": "64", "$lt": "64/"}}
