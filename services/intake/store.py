"""Intake's database, `desk_intake`: the fingerprints of what was accepted.

A help, not a promise: it is skipped while MongoDB is away, and two different contents that arrive in the same moment
both pass. What slips through is counted once and shown as a conflict downstream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import date

from pymongo.errors import BulkWriteError

from services.intake.accepting.fingerprints import Fingerprint
from shared.logs import get_logger
from shared.mongo import Collection, DatabaseError, Document, in_words, is_duplicates_only

log = get_logger(__name__)

COLLECTION = "fingerprints"


def _to_document(one: Fingerprint) -> Document:
    return {
        "_id": one.identity,
        "hash": one.hash,
        "type": one.type,
        "region": one.region,
        "period": one.period.isoformat() if one.period else None,  # BSON has no date without a time
        "received_at": one.received_at,
    }


def _to_fingerprint(document: Document) -> Fingerprint:
    period = document["period"]
    return Fingerprint(
        identity=document["_id"],
        hash=document["hash"],
        type=document["type"],
        region=document["region"],
        period=date.fromisoformat(period) if period else None,
        received_at=document["received_at"],
    )


class Fingerprints:
    """A Known. Raises nothing for a database that is away: each call waits at most `timeout_s`, and after a failure
    none is made for `rest_s`, so that a dead database costs one wait in a while and not one a request."""

    def __init__(self, collection: Collection, timeout_s: float = 1.0, rest_s: float = 5.0) -> None:
        self._collection = collection
        self._timeout_s = timeout_s
        self._rest_s = rest_s
        self._resting_until = 0.0

    async def find_all(self, identities: Sequence[str]) -> Mapping[str, Fingerprint]:
        if self.is_resting:
            return {}
        query = {"_id": {"$in": list(dict.fromkeys(identities))}}
        try:
            async with asyncio.timeout(self._timeout_s):
                return {d["_id"]: _to_fingerprint(d) async for d in self._collection.find(query)}
        except (DatabaseError, TimeoutError) as error:
            self._rest(error)
            return {}

    async def remember_all(self, fingerprints: Sequence[Fingerprint]) -> None:
        if self.is_resting:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._collection.insert_many([_to_document(one) for one in fingerprints], ordered=False)
        except BulkWriteError as error:
            if not is_duplicates_only(error):
                self._rest(error)
        except (DatabaseError, TimeoutError) as error:
            self._rest(error)

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self._resting_until

    def _rest(self, error: Exception) -> None:
        self._resting_until = time.monotonic() + self._rest_s
        log.warning("fingerprints_skipped", error=in_words(error), for_s=self._rest_s)
