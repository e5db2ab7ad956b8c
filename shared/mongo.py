"""MongoDB: the only module that makes a client. The drivers' operations and errors, which they share, are imported
where they are used.

Motor is what was asked for; its makers ended its life in May 2026 and name PyMongo's `AsyncMongoClient` as
successor (docs/decisions/0004). `DESK_MONGO_DRIVER=pymongo` selects it. Both share the methods we use; where they
differ (`close`, and `aggregate` which PyMongo awaits) the functions below hide it.

Every write is journaled and confirmed by a majority; every call has `timeoutMS`; datetimes are aware UTC.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import ReadPreference
from pymongo.errors import BulkWriteError, ConfigurationError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.errors import said

Document = dict[str, Any]
Raw = bytes  # a document as it came
# Either driver's objects; typed loosely, since the drivers share no type.
Client = Any
Database = Any
Collection = Any
Snapshot = Any

ACCESS_DB = "desk_access"
INTAKE_DB = "desk_intake"
AGGREGATOR_DB = "desk_aggregator"
NOTIFIER_DB = "desk_notifier"

# The server sends 101 documents first and waits to be asked for more: a round trip more for what is all wanted anyhow.
# What is larger than 16 MB comes in several answers all the same.
_ONE_ANSWER = 10_000

_LENGTH = struct.Struct("<i")
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)

DUPLICATE_KEY = 11000

DatabaseError = PyMongoError


def connect(url: str, driver: str = "motor", timeout_ms: int = 10_000, *, repeats_writes: bool = True) -> Client:
    """A client of the chosen driver. Nothing is dialled until the first call. Use it in one event loop only.
    Raises ValueError for a connection string that is none.

    `repeats_writes`: the driver itself repeats a write once whose answer was lost. For that mongod keeps a record of
    each updated document, which doubles what an update costs it; who repeats whole batches does without."""
    options: dict[str, Any] = {
        "timeoutMS": timeout_ms,
        "serverSelectionTimeoutMS": min(timeout_ms, 5_000),
        "tz_aware": True,
        "w": "majority",
        "journal": True,
        "retryWrites": repeats_writes,
        "readConcernLevel": "majority",
        "minPoolSize": 2,
        "appname": "desk-pilkada",
    }
    try:
        return _client_class(driver)(url, **options)
    except ConfigurationError as error:
        raise ValueError(f"DESK_MONGO: {error}") from None


def _client_class(driver: str) -> Any:
    if driver == "pymongo":
        from pymongo import AsyncMongoClient

        return AsyncMongoClient
    from motor.motor_asyncio import AsyncIOMotorClient

    return AsyncIOMotorClient


def database(client: Client, name: str) -> Database:
    """A database with our concerns stated, so that a connection string cannot weaken them. The primary is asked: who
    asked one secondary how far the log is read and another one for the rest would keep an old answer as a new one."""
    return client.get_database(
        name,
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern("majority", j=True),
        read_concern=ReadConcern("majority"),
    )


async def close(client: Client) -> None:
    """Close either driver's client."""
    result = client.close()
    if inspect.isawaitable(result):
        await result


async def aggregate(collection: Collection, pipeline: list[Document]) -> AsyncIterator[Document]:
    """The documents of a pipeline, on either driver."""
    cursor = collection.aggregate(pipeline, batchSize=_ONE_ANSWER)
    if inspect.isawaitable(cursor):
        cursor = await cursor
    async for document in cursor:
        yield document


async def all_of(found: Any) -> list[Document]:
    """The documents of either driver's `find`, which says by itself how many at most."""
    documents: list[Document] = await found.batch_size(_ONE_ANSWER).to_list(None)
    return documents


async def raw_of(found: Any) -> list[Raw]:
    """The documents of either driver's `find_raw_batches`: for whoever may know them already, and so need not take
    them apart."""
    batches: list[bytes] = await found.batch_size(_ONE_ANSWER).to_list(None)
    return [document for batch in batches for document in _each(batch)]


def _each(batch: bytes) -> Iterator[Raw]:
    """The documents that lie in a row; each begins with its length."""
    begin = 0
    while begin < len(batch):
        end = begin + _LENGTH.unpack_from(batch, begin)[0]
        yield batch[begin:end]
        begin = end


def decoded(document: Raw) -> Document:
    """As any other answer would have it."""
    return bson.decode(document, _CODEC)


@asynccontextmanager
async def snapshot(client: Client) -> AsyncIterator[Snapshot]:
    """A session whose reads, across all databases, are of one moment: that of the first. MongoDB keeps a moment for
    five minutes."""
    session = client.start_session(snapshot=True)
    if inspect.isawaitable(session):
        session = await session
    async with session:
        yield session


async def insert_new(collection: Collection, documents: list[Document]) -> None:
    """Insert those that are not there; those that are stay as they are."""
    try:
        if documents:
            await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if not is_duplicates_only(error):
            raise


def is_duplicates_only(error: BulkWriteError) -> bool:
    """Whether nothing but duplicate keys failed in a bulk write. False also where a majority did not confirm in time:
    such a write may still be rolled back, so nobody may go on as if it were done."""
    failed, unconfirmed = error.details["writeErrors"], error.details["writeConcernErrors"]
    return not unconfirmed and all(e["code"] == DUPLICATE_KEY for e in failed)


def in_words(error: Exception) -> str:
    """What went wrong, for a log or a person: never the command or the document that it was about."""
    return said(error)


def below(code: str) -> Document:
    """A region and everything below it as a range over codes: `/` is the character after `.`."""
    return {"$gte": code, "$lt": f"{code}/"}


async def server_time(client: Client) -> datetime:
    """The database's clock, aware UTC: the one clock of verdicts and leases. Raises DatabaseError."""
    reply = await client.admin.command("hello")
    local_time: datetime = reply["localTime"]
    return local_time.astimezone(UTC)
