"""Takes a backup: everything by one snapshot, so that all documents are of one moment, whoever writes meanwhile."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import IO, Any

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from desk.backup.archive import FORMAT, Chunk, Head, Writer, writing
from desk.counting import counting
from desk.replay.switching import STAGED
from shared.exactly_once import fence, guard
from shared.mongo import ACCESS_DB, AGGREGATOR_DB, INTAKE_DB, NOTIFIER_DB
from shared.version import VERSION

# Keys last: one that was given out meanwhile is better there than not.
DATABASES = (AGGREGATOR_DB, NOTIFIER_DB, INTAKE_DB, ACCESS_DB)
RESTORED = "restored."  # before the name of a collection that is being restored
_BATCH_DOCUMENTS = 20_000
_CALL_TIMEOUT_MS = 600_000
_ANSWER_S = 10.0
_SNAPSHOT_GONE = (239, 246)  # SnapshotTooOld, SnapshotUnavailable

Client = MongoClient[dict[str, Any]]


class CannotBackUp(Exception):
    """The message says why, and what to do."""


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """For long calls, each of which has an end. Raises PyMongoError, soon if nobody answers."""
    with MongoClient[dict[str, Any]](url, timeoutMS=_CALL_TIMEOUT_MS, tz_aware=True) as client:
        with pymongo.timeout(_ANSWER_S):
            client.admin.command("ping")
        yield client


def database(client: Client, name: str) -> Database[dict[str, Any]]:
    return client.get_database(
        name, read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority", j=True)
    )


def take(client: Client, file: IO[bytes]) -> Head:
    """Raises CannotBackUp, PyMongoError, OSError; then the file is incomplete, and says so."""
    names = {name: sorted(_collections(client, name)) for name in DATABASES}
    total = sum(client[name][one].estimated_document_count() for name, many in names.items() for one in many)
    as_of = client.admin.command("hello")["localTime"].astimezone(UTC)
    head = Head(FORMAT, VERSION, as_of.isoformat(timespec="seconds"), total)
    try:
        with client.start_session(snapshot=True) as moment:
            client[DATABASES[0]][guard.COLLECTION].find_one({}, session=moment)  # the first read makes the moment
            with counting("backing up documents", total) as counted, writing(file, head) as writer:
                for name, many in names.items():
                    for one in many:
                        _copy(client, name, one, moment, writer, counted)
    except OperationFailure as error:
        if error.code in _SNAPSHOT_GONE:
            raise CannotBackUp(
                "MongoDB no longer has the moment at which the backup began (it keeps one for five minutes): try "
                "again at a quieter time, or start mongod with --setParameter minSnapshotHistoryWindowInSeconds=3600"
            ) from None
        raise
    return head


def _collections(client: Client, name: str) -> list[str]:
    """Raises CannotBackUp while somebody exchanges them."""
    under_way = client[name][guard.COLLECTION].find_one({"_id": fence.DOCUMENT_ID})
    if under_way is not None:
        raise CannotBackUp(f"{name} is being exchanged ({under_way['why']}): let that end first")
    return [one for one in client[name].list_collection_names() if not one.startswith(("system.", STAGED, RESTORED))]


def _copy(client: Client, name: str, one: str, moment: Any, writer: Writer, counted: Callable[[int], None]) -> None:
    batches: Any = client[name][one].find_raw_batches({}, session=moment, batch_size=_BATCH_DOCUMENTS)
    for raw in batches:  # bytes, whatever the driver's types say
        writer.add(Chunk(name, one, raw))
        counted(count(raw))


def count(raw: bytes) -> int:
    """How many documents these bytes are: each begins with its length."""
    found = at = 0
    while at < len(raw):
        at += int(struct.unpack_from("<i", raw, at)[0])
        found += 1
    return found
