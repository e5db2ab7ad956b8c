"""How much of an item of logistics a region has received, by the statement that holds. Pure.

A document is of one region's item, `_id` = `<region>/<item>`: the statement that is the latest by (as_of, received_at,
agency, id), whichever agency made it, and `statements`, how many came. What a statement said before stays in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.events.logistics import LogisticsEvent
from shared.instants import kept

Document = dict[str, Any]


def stock_id(region: str, item: str) -> str:
    return f"{region}/{item}"


def after_statement(document: Document, statement: LogisticsEvent) -> Document:
    """The document after one more statement, which may be older than the one that holds."""
    about = {"region": statement.subject, "item": statement.data.item}
    held = later(document if "as_of" in document else None, told(statement))
    return {**document, **about, **held, "statements": document.get("statements", 0) + 1}


def told(statement: LogisticsEvent) -> Document:
    """What a statement says, as it is kept."""
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


def later(held: Mapping[str, Any] | None, one: Document) -> Mapping[str, Any]:
    """Which of two statements holds."""
    return held if held is not None and _rank(held) >= _rank(one) else one


def _rank(statement: Mapping[str, Any]) -> tuple[Any, ...]:
    return statement["as_of"], statement["received_at"], statement["agency"], statement["id"]
