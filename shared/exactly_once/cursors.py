"""Step 3, pure: cursors that live inside a document, and folding changes past them.

A document's cursor for a partition is the offset of the last record folded into it. What is at or below it is
skipped, so that any number of replays, zombies and rewinds folds each record once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from shared.errors import said
from shared.records import Position

Document = dict[str, Any]
Apply = Callable[[Document], Document]


class Change(NamedTuple):  # made twice an event: a frozen dataclass takes three times as long
    """One record's effect on one document. `apply` is pure: it returns a new document and leaves the old alone; it
    asks for neither `rev` nor `cursors`, which follow when all changes of a batch are applied."""

    collection: str
    document_id: str
    position: Position
    apply: Apply


class CannotFold(Exception):
    """The event at `position` was journaled and cannot be folded: it is marked dead and put aside."""

    def __init__(self, position: Position, cause: Exception) -> None:
        super().__init__(said(cause))
        self.position = position


def empty(document_id: str) -> Document:
    """A document nobody has written yet: revision 0, no cursors."""
    return {"_id": document_id, "rev": 0, "cursors": {}}


def is_past(document: Document, position: Position) -> bool:
    """Whether the record at `position` is folded into the document already."""
    cursor: int = document["cursors"].get(position.log, -1)
    return position.offset <= cursor


def fold(document: Document, changes: Sequence[Change]) -> Document:
    """The document with all changes it does not hold yet, in the order given; the same object if there are none.

    Raises CannotFold if a change cannot be applied; the document is untouched then.
    """
    folded, cursors = document, document["cursors"]
    for change in changes:
        log, offset = change.position.log, change.position.offset
        if offset <= cursors.get(log, -1):
            continue
        try:
            folded = change.apply(folded)
        except Exception as error:
            raise CannotFold(change.position, error) from error
        if cursors is document["cursors"]:
            cursors = dict(cursors)
        cursors[log] = offset
    if cursors is document["cursors"]:
        return document
    return {**folded, "cursors": cursors, "rev": document["rev"] + 1}


def changed_fields(old: Document, new: Document) -> Document:
    """The top-level fields to write."""
    return {k: v for k, v in new.items() if k != "_id" and (k not in old or old[k] != v)}
