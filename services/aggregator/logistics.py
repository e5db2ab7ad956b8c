"""Logistics: how much of an item a region has received, by the statement that holds. Pure.

A document of the collection `logistics`, `_id` = `<region>/<item>`: the statement that is the latest by (as_of,
received_at, agency, id), whichever agency made it, and `statements`, how many came. What a statement said before stays
in the log.
"""

from __future__ import annotations

from typing import Any

from shared.events.logistics import LogisticsEvent
from shared.instants import kept

COLLECTION = "logistics"

Document = dict[str, Any]


def stock_id(region: str, item: str) -> str:
    return f"{region}/{item}"


def after_statement(document: Document, statement: LogisticsEvent) -> Document:
    """The document after one more statement, which may be older than the one that holds."""
    told = _told(statement)
    holds = told if "as_of" not in document or _rank(told) > _rank(document) else {}
    about = {"region": statement.subject, "item": statement.data.item}
    return {**document, **about, **holds, "statements": document.get("statements", 0) + 1}


def _told(statement: LogisticsEvent) -> Document:
    data = statement.data
    return {
        "required": data.required,
        "received": data.received,
        "as_of": kept(data.as_of),
        "received_at": kept(statement.receivedat),
        "agency": statement.agency,
        "id": statement.id,
        "source_office": data.source_office,
    }


def _rank(told: Document) -> tuple[Any, ...]:
    return told["as_of"], told["received_at"], told["agency"], told["id"]
