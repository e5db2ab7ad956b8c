"""Step 3: documents written by compare-and-set on `rev`, in the order of the collections given.

All documents of a batch are folded in memory before the first one is written, so that an event that cannot be
folded touches none of them. A mismatch (another topic's consumer, or a zombie, wrote first) reloads and folds
again; what was written already is past its cursor then.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence, Set

from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from shared.exactly_once.cursors import Change, changed_fields, empty, fold
from shared.mongo import Collection, Database, Document, all_of, is_duplicates_only

_ROUNDS = 50
_Key = tuple[str, str]  # collection, document id


class TooManyMismatches(Exception):
    """Others kept writing the same documents first; passing, so the batch is tried again."""


class Documents:
    """`collections` are written in this order: what others derive from comes first."""

    def __init__(self, database: Database, collections: Sequence[str]) -> None:
        self._database = database
        self._collections = tuple(collections)

    async def fold(self, changes: Sequence[Change], presumed_new: Set[str] = frozenset()) -> int:
        """Fold all changes; how many documents were written. Documents of the ids that are `presumed_new` are not
        looked for: whoever is there all the same is found by the insert, and loaded then.
        Raises CannotFold, TooManyMismatches, DatabaseError."""
        grouped: dict[_Key, list[Change]] = defaultdict(list)
        for change in changes:
            grouped[change.collection, change.document_id].append(change)
        written = 0
        for attempt in range(_ROUNDS):
            stored = {key: empty(key[1]) for key in grouped}
            stored.update(await self._load([key for key in grouped if attempt or key[1] not in presumed_new]))
            folded = {key: fold(stored[key], wanted) for key, wanted in grouped.items()}
            dirty = [key for key in grouped if folded[key] is not stored[key]]
            if not dirty:
                return written
            done = await self._write_all(dirty, stored, folded)
            written += done
            if done == len(dirty):
                return written
            await asyncio.sleep(random.uniform(0, 0.005 * (attempt + 1)))  # noqa: S311 - spreads rivals
        raise TooManyMismatches(f"{len(dirty)} documents after {_ROUNDS} rounds")

    async def _load(self, keys: list[_Key]) -> dict[_Key, Document]:
        stored = {key: empty(key[1]) for key in keys}
        for name in self._collections:
            ids = [document_id for collection, document_id in keys if collection == name]
            if ids:
                for document in await all_of(self._database[name].find({"_id": {"$in": ids}})):
                    stored[name, document["_id"]] = document
        return stored

    async def _write_all(self, dirty: list[_Key], stored: dict[_Key, Document], folded: dict[_Key, Document]) -> int:
        """Write collection by collection; stops after the first collection with a mismatch."""
        done = 0
        for name in self._collections:
            ours = [key for key in dirty if key[0] == name]
            if not ours:
                continue
            written = await self._write(name, [(stored[key], folded[key]) for key in ours])
            done += written
            if written < len(ours):
                break
        return done

    async def _write(self, name: str, pairs: list[tuple[Document, Document]]) -> int:
        return await compare_and_set_all(self._database[name], pairs)


async def compare_and_set_all(collection: Collection, pairs: Sequence[tuple[Document, Document]]) -> int:
    """Documents, each old with its new one; how many of them nobody wrote in between. Raises DatabaseError."""
    operations = [_compare_and_set(old, new) for old, new in pairs]
    try:
        result = await collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        if not is_duplicates_only(error):
            raise
        return int(error.details["nInserted"] + error.details["nMatched"])
    return int(result.inserted_count + result.matched_count)


def _compare_and_set(old: Document, new: Document) -> InsertOne[Document] | UpdateOne:
    if old["rev"] == 0:
        return InsertOne(new)
    return UpdateOne({"_id": old["_id"], "rev": old["rev"]}, {"$set": changed_fields(old, new)})


async def compare_and_set(collection: Collection, old: Document, new: Document) -> bool:
    """One document outside a batch (a judgement, an acknowledgement): whether nobody wrote it in between.

    `new` must carry `rev` one above `old`'s; an `old` of revision 0 is inserted.
    """
    assert new["rev"] == old["rev"] + 1
    return await compare_and_set_all(collection, [(old, new)]) == 1
