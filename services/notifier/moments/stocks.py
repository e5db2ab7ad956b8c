"""Stocks: what each region has received of each item, by now and by each moment at which that is looked at. Pure.

A document of the collection `stocks` is one of `shared/election/stock_statements.py` with two fields more.
`by_moment`: of what was received before each moment, the statement that holds; so the answer does not depend on how
much is read when it is asked for. `unsettled` waits to be settled into an alert: it is the number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.notifier.moments.moments import key_of
from shared.election import stock_statements
from shared.events.logistics import LogisticsEvent

Document = dict[str, Any]
COLLECTION = "stocks"


def after_statement(stock: Document, statement: LogisticsEvent, moments: Iterable[datetime]) -> Document:
    """The stock after one more statement."""
    changed, told = stock_statements.after_statement(stock, statement), stock_statements.told(statement)
    by_moment = dict(stock.get("by_moment", {}))
    for key in (key_of(at) for at in moments if statement.receivedat < at):
        by_moment[key] = dict(stock_statements.later(by_moment.get(key), told))
    return {**changed, "by_moment": by_moment, "unsettled": changed["statements"]}


def held(
    stocks: Mapping[str, Document], items: Iterable[str], since: datetime | None, by: datetime | None = None
) -> dict[str, Document | None]:
    """What a region holds of each of these items, None where nothing was stated: by a moment, or by all that is read.
    `stocks` are the region's, by item; what was stated as of earlier than `since` was for an earlier voting."""
    found = {item: _held(stocks[item], by) if item in stocks else None for item in items}
    return {item: told if told and (since is None or told["as_of"] >= since) else None for item, told in found.items()}


def _held(stock: Document, by: datetime | None) -> Document | None:
    if by is None:
        return stock
    told: Document | None = stock["by_moment"].get(key_of(by))
    if told is None and stock["received_at"] < by:
        return stock  # the election file had no such moment when it was read
    return told


def lacking(found: Mapping[str, Document | None]) -> list[Document]:
    """The items that are not all there: `item`, and `received` and `required` where they were stated."""
    return [
        {"item": item, **{name: told[name] if told else None for name in ("received", "required")}}
        for item, told in found.items()
        if told is None or told["received"] < told["required"]
    ]


def last_stated_at(found: Mapping[str, Document | None]) -> datetime | None:
    """When the latest of these statements was received."""
    return max((told["received_at"] for told in found.values() if told), default=None)
