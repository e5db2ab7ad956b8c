"""In whose trace something was changed, kept with it: it is told of later, from the database. Pure.

An obligation or an alert has `trace`, the `traceparent` of the record that changed it last, and so has each of an
alert's changes that wait to be told. What time alone brought about has none: its trace is named after itself, so that
it is the same one on every replica.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.tracing.places import Place, place_in, place_named

Document = dict[str, Any]

MOST = 8  # of one notice: a digest may tell of hundreds of changes
_WAITING = ("to_notice", "to_digest")


def marked(old: Document, new: Document, place: Place | None) -> Document:
    """What became of a document, with the place that it was changed in. One that was not changed stays as it is, and
    without a place nothing is known."""
    if new is old or place is None:
        return new
    known = old.get("revision", 0)
    told = {
        name: [{**c, "trace": place.traceparent} if c["revision"] > known else c for c in new[name]]
        for name in _WAITING
        if new.get(name)
    }
    return {**new, **told, "trace": place.traceparent}


def place_of(document: Document, name: str) -> Place:
    """Where what follows from a document goes on; `name` is what the trace is called where time alone caused it."""
    return place_in(document.get("trace")) or place_named(name)


def places_of(delivery: Document) -> tuple[Place | None, list[Place]]:
    """Where a delivery goes on, None where time alone caused it, and the other traces that it tells of."""
    found = [place for trace in delivery.get("traces", ()) if (place := place_in(trace))]
    return (found[0] if found else None), found[1:]


def traces_of(changes: Iterable[Document]) -> list[str]:
    """The traces of some changes of alerts, each once: the first is gone on with, the others are named beside it."""
    found = dict.fromkeys(change["trace"] for change in changes if "trace" in change)
    return list(found)[:MOST]
