"""Restores a backup. Whoever is killed here, at whatever line, can call it again.

1. Under a fence nobody reads the log into these databases.
2. Everything is written beside what is there, as `restored.<name>`. Only when the file was read to its end, and each
   checksum was right, has anything more to happen; until then nothing has changed.
3. A mark is set. From here there is only the way forward: what was there goes, each collection is renamed, `positions`
   last; they carry the fence. Then the mark says that this is done.
4. Fence and mark are taken down. The services read on from the positions that were restored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from bson import decode_all
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from desk.backup.archive import BadArchive, Chunk, Head, reading
from desk.backup.taking import DATABASES, RESTORED, Client, count, database
from desk.counting import counting
from shared.clock import real
from shared.exactly_once import fence, guard
from shared.mongo import AGGREGATOR_DB, NOTIFIER_DB, Document

FENCED = (AGGREGATOR_DB, NOTIFIER_DB)
_MARKS, _MARK = "restore", "restore"  # in the first of the databases; never backed up
_WHY = "desk restore brings a backup back"
_NO_SUCH_COLLECTION = 26
_NO_FENCE = {"_id": {"$ne": fence.DOCUMENT_ID}}
_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)


class StillReading(Exception):
    """Services are running."""


class NotEmpty(Exception):
    """There is something that would be lost, and nobody has said that it may."""


@dataclass(frozen=True)
class Restoring:
    """Raises PyMongoError; then call it again."""

    client: Client
    by: str
    readers: Callable[[], Sequence[str]]  # who is in the services' groups, in words

    def is_half_done(self) -> bool:
        """Whether an earlier call died after it had begun to rename: `finish` is all that is left."""
        return self._mark() is not None

    def run(self, file: IO[bytes], replaces: bool) -> Head:
        """Raises BadArchive, NotEmpty and StillReading; then nothing has changed."""
        self._refuse_readers()
        if not replaces and (there := self._there()):
            raise NotEmpty(f"{', '.join(there)} hold data: --replace puts the backup in its place, all of it")
        self._put_up_fences()
        try:
            head = self._load(file)
            self._refuse_readers()
        except BaseException:
            self.abandon()
            raise
        self._carry_fences()
        self._mark_renaming()
        self.finish()
        return head

    def finish(self) -> None:
        """Rename what is not renamed yet; take down mark and fences."""
        mark = self._mark()
        assert mark is not None
        if not mark["is_renamed"]:
            for name in DATABASES:
                self._exchange(name, mark["collections"].get(name, []))
            self._set_mark({"is_renamed": True})
        self._take_down_fences()
        self._drop(DATABASES[0], _MARKS)

    def abandon(self) -> None:
        """What is there goes on, as if nothing had been called. Not once it has begun to rename."""
        assert not self.is_half_done()
        self._drop_copies()
        self._take_down_fences()

    def _exchange(self, name: str, kept: list[str]) -> None:
        for one in self._names(name):
            if not one.startswith(RESTORED) and one not in kept:
                self._drop(name, one)
        for one in sorted(kept, key=lambda one: one == guard.COLLECTION):
            self._rename(name, one)

    def _refuse_readers(self) -> None:
        """Raises StillReading."""
        if readers := self.readers():
            raise StillReading(
                f"{', '.join(readers)} read the log into these databases: stop intake, aggregators and notifiers "
                "first, with compose `docker compose stop intake aggregator notifier`"
            )

    def _load(self, file: IO[bytes]) -> Head:
        self._drop_copies()
        with reading(file) as reader, counting("restoring documents", reader.head.documents) as counted:
            for chunk in reader.chunks():
                self._insert(chunk, counted)
            return reader.head

    def _insert(self, chunk: Chunk, counted: Callable[[int], None]) -> None:
        if chunk.database not in DATABASES or chunk.collection.startswith("system."):
            raise BadArchive(f"it holds {chunk.database}.{chunk.collection}, which is none of ours")
        try:
            documents: list[Any] = decode_all(chunk.raw, _RAW)
        except BSONError:
            raise BadArchive(f"what it holds of {chunk.database}.{chunk.collection} are no documents") from None
        if documents:
            database(self.client, chunk.database)[RESTORED + chunk.collection].insert_many(documents, ordered=False)
        counted(count(chunk.raw))

    def _there(self) -> list[str]:
        """What holds documents; the fence of a call that died is none."""
        ours = ((name, one) for name in DATABASES for one in self._names(name) if not one.startswith(RESTORED))
        return sorted(f"{name}.{one}" for name, one in ours if self.client[name][one].find_one(_NO_FENCE) is not None)

    def _names(self, name: str) -> list[str]:
        beside = (f"{DATABASES[0]}.{_MARKS}",)
        names = self.client[name].list_collection_names()
        return [one for one in names if not one.startswith("system.") and f"{name}.{one}" not in beside]

    def _rename(self, name: str, one: str) -> None:
        """A copy over its collection, unless the call that died has done it."""
        command = {"renameCollection": f"{name}.{RESTORED}{one}", "to": f"{name}.{one}", "dropTarget": True}
        try:
            self.client.admin.command({**command, "writeConcern": {"w": "majority"}})
        except OperationFailure as error:
            if error.code != _NO_SUCH_COLLECTION:
                raise

    def _mark_renaming(self) -> None:
        copies = {
            name: [one.removeprefix(RESTORED) for one in self._names(name) if one.startswith(RESTORED)]
            for name in DATABASES
        }
        self._set_mark({"collections": copies, "is_renamed": False, "by": self.by, "at": real()})

    def _set_mark(self, fields: Document) -> None:
        database(self.client, DATABASES[0])[_MARKS].update_one({"_id": _MARK}, {"$set": fields}, upsert=True)

    def _mark(self) -> Document | None:
        return database(self.client, DATABASES[0])[_MARKS].find_one({"_id": _MARK})

    def _put_up_fences(self, before: str = "") -> None:
        mark = {"_id": fence.DOCUMENT_ID, "why": _WHY, "by": self.by, "at": real()}
        for name in FENCED:
            positions = database(self.client, name)[before + guard.COLLECTION]
            positions.replace_one({"_id": fence.DOCUMENT_ID}, mark, upsert=True)

    def _carry_fences(self) -> None:
        """Into the copies of the positions."""
        self._put_up_fences(RESTORED)

    def _take_down_fences(self) -> None:
        for name in FENCED:
            database(self.client, name)[guard.COLLECTION].delete_one({"_id": fence.DOCUMENT_ID})

    def _drop_copies(self) -> None:
        for name in DATABASES:
            for one in self._names(name):
                if one.startswith(RESTORED):
                    self._drop(name, one)

    def _drop(self, name: str, one: str) -> None:
        database(self.client, name).drop_collection(one)
