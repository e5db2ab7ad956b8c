"""How a document of the model in use differs from the one that the log amounts to. Nothing is read or written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.console import in_short, visible
from services.aggregator.state import region_state
from shared.exactly_once import journal
from shared.mongo import Document
from shared.records import Places

# What differs by nature, each with the reason.
IGNORED: Mapping[str, str] = {
    "rev": "how often the document was written: batches end elsewhere each time",
    "cursors": "an id that stands in two partitions is folded where it is read first, and no log orders these",
}
IGNORED_IN_JOURNAL: Mapping[str, str] = {
    "written_at": "when it was read, in real time",
    "topic": "the first of several sightings in different partitions: as `cursors`",
    "partition": "as `topic`",
    "offset": "as `topic`",
    "others": "the later ones of these sightings",
}
_SHOWN_OF_A_REGION, _SHOWN, _FIELDS = 3, 20, 3
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One document: `used` as it is in use, `logged` as the log has it; None where there is none."""

    collection: str
    document_id: str
    region: str
    used: Document | None
    logged: Document | None

    def words(self) -> str:
        name = f"{self.collection} {self.document_id}"
        if self.used is None:
            return f"{name}: missing; the log has it"
        if self.logged is None:
            return f"{name}: nothing in the log accounts for it"
        found = list(_unequal(self.used, self.logged))
        more = f"; {len(found) - _FIELDS} fields more" if len(found) > _FIELDS else ""
        return f"{name}: {'; '.join(found[:_FIELDS])}{more}"


def difference(collection: str, document_id: str, used: Document | None, logged: Document | None) -> Difference | None:
    """None if both are the same, but for what differs by nature."""
    one, other = _content(collection, used), _content(collection, logged)
    if one == other:
        return None
    known = used or logged or {}
    region = document_id if collection == region_state.COLLECTION else known.get("region")
    return Difference(collection, document_id, region if region and isinstance(region, str) else "system", one, other)


def is_ahead(collection: str, document: Document, read_to: Places) -> bool:
    """Whether a document holds more than the database says it has read: a batch is being folded, its documents are
    written one after the other. One that does not say what it holds is none of ours, and hence a difference."""
    try:
        if collection == journal.COLLECTION:
            where = journal.position_of(document)
            return where.offset >= read_to.get(where.log, 0)
        return any(offset >= read_to.get(log, 0) for log, offset in document["cursors"].items())
    except (KeyError, TypeError, AttributeError):
        return False


def has_expired(collection: str, logged: Document, kept_from: Places) -> bool:
    """Whether what the model in use lacks is an entry of the journal that may be gone by its age. `kept_from`: by
    partition, the first record that is too young for that. The record's own time counts, which is real, and not
    `received_at`: a scenario's clock lets a new entry look like one of years ago."""
    if collection != journal.COLLECTION:
        return False
    where = journal.position_of(logged)
    return where.offset < kept_from.get(where.log, 0)


def told(differences: Sequence[Difference], names: Mapping[str, str]) -> Iterator[str]:
    """All of them in words, region by region; of each region, and in all, the first few in full. `names` are the
    regions', by code."""
    shown = 0
    for region in sorted({one.region for one in differences}):
        ours = [one for one in differences if one.region == region]
        counts = ", ".join(f"{count} {name}" for name, count in Counter(one.collection for one in ours).items())
        yield visible(f"{region} {names.get(region, '')}".strip() + f": {counts}")
        for one in ours[: min(_SHOWN_OF_A_REGION, _SHOWN - shown)]:
            shown += 1
            yield f"    {visible(one.words())}"


def _content(collection: str, document: Document | None) -> Document | None:
    if document is None:
        return None
    ignored = IGNORED_IN_JOURNAL if collection == journal.COLLECTION else IGNORED
    if collection == region_state.COLLECTION:
        document = _as_kept_now(document)
    return {field: value for field, value in document.items() if field not in ignored}


def _as_kept_now(region: Document) -> Document:
    """A region that sent nothing since an earlier version wrote its document has the form of that day; what a hand has
    written has any."""
    try:
        return region_state.as_kept(region)
    except (KeyError, TypeError, AttributeError):
        return region


def _unequal(used: Any, logged: Any, path: str = "") -> Iterator[str]:
    if isinstance(used, dict) and isinstance(logged, dict):
        for field in _fields(used, logged):
            yield from _unequal(used.get(field), logged.get(field), f"{path}.{field}" if path else field)
    elif isinstance(used, list) and isinstance(logged, list) and len(used) != len(logged):
        yield f"{path} has {len(used)} entries, {len(logged)} by the log"
    elif used != logged:
        yield f"{path} is {_short(used)}, {_short(logged)} by the log"


def _fields(used: Document, logged: Document) -> Iterable[str]:
    return sorted(used.keys() | logged.keys())


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = in_short(repr(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
