"""The whole log folded in one process, record after record, without journal, database, batches or crashes: what every
read model must be equal to, but for `rev` and cursors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions

from shared.exactly_once.cursors import Change, Document, empty, fold
from shared.exactly_once.records import Record, Sighting, read_records

Contents = dict[tuple[str, str], Document]  # by collection and id
MOST_SHOWN = 12


@dataclass(frozen=True)
class Reference:
    """What a log amounts to: the documents, the identities in it, and the positions that hold no event."""

    documents: Contents
    identities: frozenset[str]
    bad: frozenset[tuple[str, int, int]]


def reference_of(log: Iterable[Record], changes: Callable[[Sighting], Sequence[Change]]) -> Reference:
    """The first sighting of each identity folded, partition after partition."""
    sightings, bad = read_records(sorted(log, key=lambda r: _place(r)))
    documents: Contents = {}
    seen: set[str] = set()
    for sighting in sightings:
        if sighting.event.identity in seen:
            continue
        seen.add(sighting.event.identity)
        for change in changes(sighting):
            key = change.collection, change.document_id
            documents[key] = fold(documents.get(key, empty(change.document_id)), [change])
    contents = {key: content(_as_read_back(document)) for key, document in documents.items()}
    return Reference(contents, frozenset(seen), frozenset(_place(one.record) for one in bad))


def content(document: Document) -> Document:
    """A document without what tells the order of folding."""
    return {field: value for field, value in document.items() if field not in ("rev", "cursors")}


def differences(expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> list[str]:
    """In words, the first of them; none if both are equal."""
    wrong = [key for key in sorted(expected.keys() | found.keys()) if expected.get(key) != found.get(key)]
    told = [f"{key}: {expected.get(key)} expected, {found.get(key)} found" for key in wrong[:MOST_SHOWN]]
    return [*told, f"... {len(wrong)} in all"] if wrong else []


def _place(record: Record) -> tuple[str, int, int]:
    position = record.position
    return position.topic, position.partition, position.offset


def _as_read_back(document: Document) -> Document:
    """The document after a trip through MongoDB."""
    return bson.decode(bson.encode(document), CodecOptions(tz_aware=True))
