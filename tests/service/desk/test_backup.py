"""A backup on a real database: exact, of one moment, and brought back whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

import pytest
from bson import Decimal128, Int64
from pymongo import MongoClient

from desk.backup import restoring, taking
from desk.backup.archive import COMPLETE, HEAD, BadArchive
from desk.backup.restoring import NotEmpty, Restoring, StillReading
from desk.backup.taking import CannotBackUp, connected, take
from shared.exactly_once import fence

Documents = dict[str, list[dict[str, Any]]]
WRITES = ("_put_up_fences", "_insert", "_carry_fences", "_set_mark", "_drop", "_rename", "_take_down_fences")


class Died(BaseException):
    """The process has ended here."""


class Mortal(Restoring):
    """Dies after so many writes."""

    lives = 10**6

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in WRITES:
            return found

        def write(*arguments: Any) -> None:
            found(*arguments)
            Mortal.lives -= 1
            if Mortal.lives == 0:
                raise Died

        return write

    def abandon(self) -> None:
        """Nobody lives to do it."""
        if Mortal.lives != 0:
            super().abandon()


class World:
    """Four databases of a test's own."""

    def __init__(self, client: MongoClient[dict[str, Any]], names: tuple[str, ...]) -> None:
        self.client, self.names = client, names
        self.aggregator, self.notifier, _, self.access = (client[name] for name in names)

    def fill(self, mark: str) -> None:
        at = datetime(2024, 11, 18, 8, tzinfo=UTC)
        self.aggregator["positions"].insert_one({"_id": "reports:0", "offset": Int64(7), "of": mark})
        self.aggregator["regions"].insert_many([{"_id": str(n), "n": n, "of": mark} for n in range(300)])
        self.notifier["positions"].insert_one({"_id": "reports:0", "offset": 7, "of": mark})
        self.access["holders"].insert_one(
            {"_id": "agency:x", "at": at, "d": Decimal128("1.10"), "b": b"\0", "of": mark}
        )

    def contents(self) -> Documents:
        return {
            f"{name}.{one}": list(self.client[name][one].find().sort("_id", 1))
            for name in self.names
            for one in self.client[name].list_collection_names()
            if self.client[name][one].find_one() is not None
        }

    def clear(self) -> None:
        for name in self.names:
            self.client.drop_database(name)

    def backup(self) -> bytes:
        out = io.BytesIO()
        take(self.client, out)
        return out.getvalue()

    def restoring(self, dies_after: int = 10**6, *readers: str) -> Mortal:
        Mortal.lives = dies_after
        return Mortal(self.client, "test", lambda: readers)

    def is_fenced(self) -> bool:
        found = [db["positions"].find_one({"_id": fence.DOCUMENT_ID}) for db in (self.aggregator, self.notifier)]
        return all(found)


@pytest.fixture
def world(mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    names = tuple(f"test_{uuid.uuid4().hex}_{n}" for n in range(4))
    for module in (taking, restoring):
        monkeypatch.setattr(module, "DATABASES", names)
    monkeypatch.setattr(restoring, "FENCED", names[:2])
    with connected(mongo_url) as client:
        made = World(client, names)
        made.fill("old")
        yield made
        made.clear()


def test_it_comes_back_as_it_was(world: World) -> None:
    """Every document, every type; nothing else, and no fence."""
    before, made = world.contents(), world.backup()
    world.clear()
    world.restoring().run(io.BytesIO(made), replaces=False)
    assert world.contents() == before


def test_it_is_of_one_moment(world: World) -> None:
    """What is written while the file is being filled, into any database, is not in it."""

    class Writing(io.BytesIO):
        def write(self, content: Any) -> int:
            world.aggregator["regions"].insert_one({"of": "later"})
            world.access["holders"].update_one({"_id": "agency:x"}, {"$set": {"of": "later"}})
            return super().write(content)

    before, out = world.contents(), Writing()
    world.notifier["alerts"].insert_many([{"_id": str(n), "x": uuid.uuid4().hex * 20} for n in range(2_000)])
    before[f"{world.names[1]}.alerts"] = list(world.notifier["alerts"].find().sort("_id", 1))
    take(world.client, out)
    assert world.contents() != before
    world.clear()
    world.restoring().run(io.BytesIO(out.getvalue()), replaces=False)
    assert world.contents() == before


def repacked(made: bytes, change: Any) -> bytes:
    """The archive with its members changed: `change` gets name and content, and returns the content or None."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made))) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            content = change(member.name, old.extractfile(member).read())  # type: ignore[union-attr]
            if content is not None:
                member.size = len(content)
                new.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue())


def newer(name: str, content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "format": 2, "version": "9.0"}).encode() if name == HEAD else content


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda made: made[: len(made) // 2], "incomplete, damaged or no backup"),
        (lambda made: made[:5], "no backup"),
        (lambda _: b"", "no backup"),
        (lambda _: b"regions,reports\n", "no backup"),
        (lambda made: repacked(made, lambda n, c: None if n == HEAD else c), "does not begin with backup.json"),
        (lambda made: repacked(made, lambda n, c: None if n == COMPLETE else c), "its end is missing"),
        (lambda made: repacked(made, lambda n, c: None if "regions" in n else c), "is missing"),
        (lambda made: repacked(made, lambda n, c: c.replace(b"old", b"bad")), "its checksum is another one"),
        (lambda made: repacked(made, lambda n, c: b"\x05x" if "regions" in n else c), "regions are no documents"),
        (lambda made: repacked(made, newer), "format 2 .desk 9.0., and this version reads 1"),
    ],
)
def test_a_bad_file_changes_nothing(world: World, spoil: Any, told: str) -> None:
    """Cut off, of another kind, changed, or of a newer version: refused, also where it was to replace everything."""
    before, made = world.contents(), spoil(world.backup())
    with pytest.raises(BadArchive, match=told):
        world.restoring().run(io.BytesIO(made), replaces=True)
    assert world.contents() == before


def test_a_database_of_others_is_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file names."""
    made = world.backup()
    monkeypatch.setattr(restoring, "DATABASES", world.names[:3])
    with pytest.raises(BadArchive, match="holders, which is none of ours"):
        world.restoring().run(io.BytesIO(made), replaces=True)


def test_refusals(world: World) -> None:
    """Into what holds data only if told so; never beside services; no backup of what is being exchanged."""
    before, made = world.contents(), world.backup()
    with pytest.raises(NotEmpty, match="regions"):
        world.restoring().run(io.BytesIO(made), replaces=False)
    with pytest.raises(StillReading, match="aggregator at one"):
        world.restoring(10**6, "aggregator at one").run(io.BytesIO(made), replaces=True)
    assert world.contents() == before
    mark = {"_id": fence.DOCUMENT_ID, "why": "desk replay", "by": "test", "at": datetime.now(UTC)}
    world.notifier["positions"].insert_one(mark)
    with pytest.raises(CannotBackUp, match="desk replay"):
        world.backup()


def test_it_replaces_everything(world: World) -> None:
    """What came after the backup is gone, collections too."""
    before, made = world.contents(), world.backup()
    world.aggregator["regions"].update_many({}, {"$set": {"of": "later"}})
    world.notifier["deliveries"].insert_one({"of": "later"})
    world.restoring().run(io.BytesIO(made), replaces=True)
    assert world.contents() == before


def again(world: World, made: bytes) -> None:
    """As the command does when it is called again."""
    restoring = world.restoring()
    if restoring.is_half_done():
        restoring.finish()
    else:
        restoring.run(io.BytesIO(made), replaces=True)


def test_it_dies_after_each_of_its_writes(world: World) -> None:
    """Whoever starts then finds everything as it was, or all of the backup, or a fence; called again it is done."""
    made, backed_up = world.backup(), world.contents()
    for dies_after in range(1, 100):
        for db in (world.aggregator, world.notifier, world.access):
            for one in db.list_collection_names():
                db[one].update_many({"of": {"$exists": True}}, {"$set": {"of": "later"}})
        later = world.contents()
        try:
            world.restoring(dies_after).run(io.BytesIO(made), replaces=True)
        except Died:
            assert world.is_fenced() or world.contents() in (later, backed_up) or not fences_matter(world)
            again(world, made)
            assert world.contents() == backed_up, f"died after write {dies_after}"
        else:
            assert dies_after > 12
            return
    pytest.fail("it never ends")


def fences_matter(world: World) -> bool:
    """Not once all is in place: then they are only taken down, and the mark after them."""
    mark = world.aggregator["restore"].find_one({})
    return mark is None or not mark["is_renamed"]


def test_it_ends_after_services_have_begun(world: World) -> None:
    """It died when all was in place, with the fences down: what services have written since stays."""
    made = world.backup()
    world.restoring().run(io.BytesIO(made), replaces=True)
    writes = 10**6 - Mortal.lives
    with pytest.raises(Died):
        world.restoring(writes - 1).run(io.BytesIO(made), replaces=True)
    assert not world.is_fenced()
    world.notifier["deliveries"].insert_one({"_id": "new"})
    assert world.restoring().is_half_done()
    world.restoring().finish()
    assert world.notifier["deliveries"].count_documents({}) == 1
    assert not world.restoring().is_half_done()


def test_it_is_abandoned(world: World) -> None:
    """A restore that died before it changed anything."""
    made, before = world.backup(), world.contents()
    with pytest.raises(Died):
        world.restoring(2).run(io.BytesIO(made), replaces=True)
    assert world.is_fenced()
    world.restoring().abandon()
    assert world.contents() == before


def members(made: IO[bytes]) -> list[str]:
    with tarfile.open(fileobj=made, mode="r:gz") as tar:
        return tar.getnames()


def test_other_tools_can_read_it(world: World) -> None:
    """A tar file of BSON: `tar` and `bsondump`."""
    names = members(io.BytesIO(world.backup()))
    assert (names[0], names[-1]) == (HEAD, COMPLETE)
    assert all(name.endswith(".bson") for name in names[1:-1])
