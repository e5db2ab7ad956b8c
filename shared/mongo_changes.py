"""What changes in a database, in order, as MongoDB's change stream tells it, on either driver.

A position in the stream is a resume token, kept as its text. Texts of one replica set compare as the positions do
(MongoDB's manual, "Resume Tokens": hex-encoded tokens can be compared and sorted). A token of one process is good in
any other one, as long as the oplog reaches back to it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.errors import OperationFailure

from shared.clock import real
from shared.mongo import Database, Document

POLL_MS = 500  # the server waits this long for news; with Motor a thread waits along
TIMEOUT_S = 15.0
_AHEAD = 1_000
_WRITES = ("insert", "update", "replace")
_ENDS = ("dropDatabase", "invalidate")
# FailedToParse, TypeMismatch, Overflow (an invented token), InvalidResumeToken, ChangeStreamFatalError,
# ChangeStreamHistoryLost; from 40000 on MongoDB numbers places in its own source, of a malformed token here.
_LOST = (9, 14, 15, 260, 280, 286)
_FIRST_PLACE = 40_000


# A token's text begins so, then come the seconds of its time. No clock of a replica set is as far ahead as this.
_TIMESTAMP = "82"
_AHEAD_S = 300


def is_beyond(token: str) -> bool:
    """Whether a token lies in a future that nobody can have read: it is invented, or of another database."""
    return token > f"{_TIMESTAMP}{int(real().timestamp()) + _AHEAD_S:08X}"


class HistoryLost(Exception):
    """The changes after a token cannot be told: the oplog does not reach back to it, something was deleted as a whole
    (a read model that is built anew), or it is no token."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A document that was written. `token` is the position after it."""

    token: str
    collection: str
    document_id: Any


@dataclass(frozen=True, slots=True)
class Progress:
    """Changes in order, none if nothing changed for a while; `position` is the one after all of them."""

    changes: Sequence[Changed]
    position: str


class Changes:
    """An open change stream over some collections of a database, for one reader, read ahead by a task of its own. It
    begins after the token `after`, or now. Close it."""

    def __init__(self, database: Database, collections: Sequence[str], after: str | None) -> None:
        self._database, self._after = database, after
        wanted, replaced = ({field: {"$in": list(collections)}} for field in ("ns.coll", "to.coll"))
        self._pipeline: list[Document] = [
            {"$match": {"$or": [wanted, replaced, {"operationType": {"$in": list(_ENDS)}}]}},
            {"$project": {"operationType": True, "ns": True, "documentKey": True}},
        ]
        self._ahead: asyncio.Queue[_Read] = asyncio.Queue(_AHEAD)
        self._failed: Exception | None = None
        self._reading = asyncio.create_task(self._read())

    async def next(self, most: int) -> Progress:
        """Up to `most` changes, at the latest after `POLL_MS`. Raises HistoryLost, DatabaseError, TimeoutError."""
        found: list[tuple[Changed | None, str]] = []
        while self._failed is None and len(found) < most and (not found or not self._ahead.empty()):
            async with asyncio.timeout(TIMEOUT_S):
                read = await self._ahead.get()
            if isinstance(read, Exception):
                self._failed = read  # told after what was read before it
            else:
                found.append(read)
        if not found:
            assert self._failed is not None
            raise self._failed
        return Progress([change for change, _ in found if change is not None], found[-1][1])

    async def close(self) -> None:
        """Bounded. A driver may swallow a cancellation, so there is a second one; not before a call that must not be
        left alone (`_unbroken`) has had its time."""
        for _ in range(2):
            self._reading.cancel()
            done, _pending = await asyncio.wait([self._reading], timeout=TIMEOUT_S + 1)
            if done:
                return

    async def _read(self) -> None:
        try:
            stream = self._database.watch(
                self._pipeline,
                resume_after={"_data": self._after} if self._after else None,
                max_await_time_ms=POLL_MS,
            )
            if inspect.isawaitable(stream):
                stream = await stream
            async with stream:
                while True:
                    await self._ahead.put(await _unbroken(self._read_one(stream)))
        except OperationFailure as error:
            await self._ahead.put(HistoryLost(str(error.code)) if self._is_lost(error) else error)
        except Exception as error:  # noqa: BLE001 - handed over to whoever reads
            await self._ahead.put(error)

    async def _read_one(self, stream: Any) -> tuple[Changed | None, str]:
        found = await stream.try_next()
        token = stream.resume_token["_data"]
        if found is None:
            if not stream.alive:
                raise HistoryLost("the change stream ended")
            return None, token
        if found["operationType"] not in _WRITES:
            raise HistoryLost(found["operationType"])
        return Changed(token, found["ns"]["coll"], found["documentKey"]["_id"]), token

    def _is_lost(self, error: OperationFailure) -> bool:
        return self._after is not None and (error.code in _LOST or (error.code or 0) >= _FIRST_PLACE)


_Read = tuple[Changed | None, str] | Exception


async def _unbroken(call: Coroutine[Any, Any, tuple[Changed | None, str]]) -> tuple[Changed | None, str]:
    """A call that is never left alone: Motor's goes on in its thread, and a stream is no thing to close meanwhile."""
    task = asyncio.create_task(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=TIMEOUT_S)
        raise
