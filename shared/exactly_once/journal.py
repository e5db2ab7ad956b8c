"""Step 2: the journal. One entry per identity, written by insert; the first sighting wins.

An entry: `_id` the identity, `topic`, `partition` and `offset` of the first sighting, `hash` of its content, what it
was (`type`, `region`, `period`, `received_at`), `trace` (the id of the call that sent it, where its record says so),
`written_at` (real time, whatever clock the election goes by), `others` (later sightings, at most 50, each with whether
it conflicted), and `dead` with the reason if it could not be folded.

How long entries are kept: `retention.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING, UpdateOne
from pymongo.errors import BulkWriteError

from shared.clock import real
from shared.election.config import Election
from shared.exactly_once import retention as retention_rules
from shared.exactly_once.sightings import Sighting, Standing, standing_of
from shared.logs import get_logger
from shared.mongo import Collection, Document, is_duplicates_only
from shared.records import Position
from shared.tracing.places import place_of

log = get_logger(__name__)

COLLECTION = "journal"
RETENTION_INDEX = "retention"
_MOST_OTHERS = 50
_LOOKS, _LOOK_AGAIN_S = 10, 0.02


def _entry(sighting: Sighting, written_at: datetime) -> Document:
    event, position = sighting.event, sighting.position
    return {
        "_id": event.identity,
        "topic": position.topic,
        "partition": position.partition,
        "offset": position.offset,
        "hash": event.contenthash,
        "type": event.type,
        "region": event.subject,
        "period": event.period.isoformat() if event.period else None,
        "received_at": event.receivedat,
        "written_at": written_at,
        **({"trace": place.trace_id} if (place := place_of(sighting.record.headers)) else {}),
    }


def position_of(entry: Document) -> Position:
    return Position(entry["topic"], entry["partition"], entry["offset"])


class EntryUnseen(Exception):
    """Passing: a rival's entry stands in the way and cannot be read yet, so the batch is tried again."""


class Journal:
    """Raises DatabaseError; then nothing is decided and the batch is tried again."""

    def __init__(self, collection: Collection) -> None:
        self._entries = collection

    async def register(self, sightings: Sequence[Sighting]) -> list[Standing]:
        """Each sighting's standing, in order. Later sightings of a known identity are noted in its entry."""
        firsts: dict[str, Sighting] = {}
        identities = [sighting.event.identity for sighting in sightings]
        for identity, sighting in zip(identities, sightings, strict=True):
            firsts.setdefault(identity, sighting)
        known = await self._insert(firsts)
        standings = []
        for identity, sighting in zip(identities, sightings, strict=True):
            entry = known.get(identity)
            if entry is None:
                first = firsts[identity]
                standing = standing_of(first.position, first.event.contenthash, sighting, is_new=True)
            elif "dead" in entry:
                standing = await self._standing_of_dead(entry, sighting)
            else:
                standing = standing_of(position_of(entry), entry["hash"], sighting, is_new=False)
            standings.append(standing)
        await self._note_others(sightings, standings)
        return standings

    async def mark_dead(self, sighting: Sighting, reason: str) -> None:
        """The event is journaled and cannot be folded; a retry under a new position may take the entry over. Nothing
        if one has done so already: a zombie's word on the old position says nothing of the new one."""
        first = {"_id": sighting.event.identity, **_where(sighting.position)}
        await self._entries.update_one(first, {"$set": {"dead": reason}})

    async def holds(self, identity: str) -> bool:
        return await self._entries.find_one({"_id": identity}) is not None

    async def _insert(self, firsts: Mapping[str, Sighting]) -> dict[str, Document]:
        """Insert what is new; the entries that were there before, by identity."""
        if not firsts:
            return {}
        now = real()
        entries = [_entry(sighting, now) for sighting in firsts.values()]
        try:
            await self._entries.insert_many(entries, ordered=False)
        except BulkWriteError as error:
            if not is_duplicates_only(error):
                raise
            return await self._known([entries[f["index"]]["_id"] for f in error.details["writeErrors"]])
        return {}

    async def _known(self, identities: list[str]) -> dict[str, Document]:
        """Entries that stand in the way. Those of another lane or replica may be a moment too young to be read."""
        for _ in range(_LOOKS):
            found = {e["_id"]: e async for e in self._entries.find({"_id": {"$in": identities}})}
            if len(found) == len(identities):
                return found
            await asyncio.sleep(_LOOK_AGAIN_S)
        # Taking them for new would count them a second time.
        raise EntryUnseen(f"{len(identities) - len(found)} entries are there and not readable yet")

    async def _standing_of_dead(self, entry: Document, sighting: Sighting) -> Standing:
        """Compare-and-set: the retry of a dead letter becomes the entry's sighting, for one retry only."""
        if position_of(entry) == sighting.position:
            return Standing.DEAD
        taken = await self._entries.update_one(
            {"_id": entry["_id"], "dead": {"$exists": True}, **_where(position_of(entry))},
            {"$set": _entry(sighting, real()), "$unset": {"dead": ""}},
        )
        return Standing.RETRY if taken.modified_count else Standing.DUPLICATE

    async def _note_others(self, sightings: Sequence[Sighting], standings: Sequence[Standing]) -> None:
        notes = [
            UpdateOne(
                {"_id": s.event.identity, f"others.{_MOST_OTHERS - 1}": {"$exists": False}},
                {"$addToSet": {"others": _other(s.position, standing)}},
            )
            for s, standing in zip(sightings, standings, strict=True)
            if standing in (Standing.DUPLICATE, Standing.CONFLICT)
        ]
        if notes:
            await self._entries.bulk_write(notes, ordered=False)


def _other(position: Position, standing: Standing) -> Document:
    return {**_where(position), "is_conflict": standing is Standing.CONFLICT}


def _where(position: Position) -> Document:
    return {"topic": position.topic, "partition": position.partition, "offset": position.offset}


async def keep_for(journal: Collection, retention: timedelta | None) -> None:
    """Make, change or drop the TTL index. Idempotent. Entries of versions before it have no `written_at` and stay.
    Raises DatabaseError."""
    known = (await journal.index_information()).get(RETENTION_INDEX)
    if retention is None:
        if known is not None:
            await journal.drop_index(RETENTION_INDEX)
        return
    seconds = int(retention.total_seconds())
    if known is None:
        await journal.create_index([("written_at", ASCENDING)], name=RETENTION_INDEX, expireAfterSeconds=seconds)
    elif known.get("expireAfterSeconds") != seconds:
        index = {"name": RETENTION_INDEX, "expireAfterSeconds": seconds}
        await journal.database.command({"collMod": journal.name, "index": index})
        log.info("journal_retention_changed", was_s=known.get("expireAfterSeconds"), is_s=seconds)


def warn_if_too_short(election: Election, retention: timedelta | None) -> None:
    """At start; the service runs all the same."""
    problem = retention_rules.too_short_because(election, retention)
    if problem is not None:
        log.warning("journal_retention_too_short", problem=problem)
