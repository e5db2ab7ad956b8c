"""A backup is a tar file, packed by gzip: what `tar` and `bsondump` can read without us.

`backup.json` says what it is; `<database>/<collection>/<number>.bson` are documents one after the other, as MongoDB
gives them; `complete.json` comes last and has the SHA-256 of each of these. Without it the backup is incomplete.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any

FORMAT = 1
HEAD, COMPLETE, CHUNK = "backup.json", "complete.json", ".bson"
_LONGEST = 64 * 1024 * 1024  # MongoDB gives 16 MiB at once
_LEVEL = 3  # of gzip: a third of the size for little time


class BadArchive(Exception):
    """The file is no whole backup of ours; the message says why."""


@dataclass(frozen=True)
class Head:
    """What a backup is: made by which version, as of when (the database's clock), of about so many documents."""

    format: int
    version: str
    as_of: str
    documents: int


@dataclass(frozen=True)
class Chunk:
    """Documents of one collection, one after the other."""

    database: str
    collection: str
    raw: bytes


class Writer:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._hashes: dict[str, str] = {}

    def add(self, chunk: Chunk) -> None:
        name = f"{chunk.database}/{chunk.collection}/{len(self._hashes):06}{CHUNK}"
        self._hashes[name] = hashlib.sha256(chunk.raw).hexdigest()
        self._put(name, chunk.raw)

    def _begin(self, head: Head) -> None:
        self._put(HEAD, json.dumps(asdict(head), indent=1).encode())

    def _end(self) -> None:
        self._put(COMPLETE, json.dumps({"sha256": self._hashes}, indent=1).encode())

    def _put(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o600
        self._tar.addfile(member, io.BytesIO(content))


@contextmanager
def writing(file: IO[bytes], head: Head) -> Iterator[Writer]:
    """It is complete only if the context ends without an exception."""
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        writer = Writer(tar)
        writer._begin(head)
        yield writer
        writer._end()


class Reader:
    """`chunks` is to be read to its end: only then is it known that nothing is missing or changed."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.head = _head(self._next())

    def chunks(self) -> Iterator[Chunk]:
        """Raises BadArchive, at the end if need be."""
        hashes: dict[str, str] = {}
        while (found := self._next()) is not None:
            name, content = found
            if name == COMPLETE:
                _compare(hashes, content)
                return
            database, _, rest = name.partition("/")
            collection, _, number = rest.rpartition("/")
            if not (database and collection and number.endswith(CHUNK)):
                raise BadArchive(f"it holds {name}, which no backup has")
            hashes[name] = hashlib.sha256(content).hexdigest()
            yield Chunk(database, collection, content)
        raise BadArchive("it is incomplete: its end is missing; whoever wrote it was interrupted")

    def _next(self) -> tuple[str, bytes] | None:
        try:
            member = self._tar.next()
            if member is None:
                return None
            content = self._tar.extractfile(member) if member.size <= _LONGEST else None
            if content is None:
                raise BadArchive(f"it holds {member.name}, which no backup has")
            return member.name, content.read()
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise BadArchive(f"it is incomplete, damaged or no backup ({type(error).__name__}: {error})") from None


@contextmanager
def reading(file: IO[bytes]) -> Iterator[Reader]:
    """Raises BadArchive if this is no backup, or one of a newer version."""
    try:
        with tarfile.open(fileobj=gzip.GzipFile(fileobj=file), mode="r|") as tar:
            yield Reader(tar)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadArchive(f"it is incomplete, damaged or no backup ({type(error).__name__}: {error})") from None


def _head(found: tuple[str, bytes] | None) -> Head:
    name, content = found or ("", b"")
    if name != HEAD:
        raise BadArchive(f"it is no backup: it does not begin with {HEAD}")
    told = _told(content)
    if told.get("format") != FORMAT:
        raise BadArchive(
            f"it has the format {told.get('format')} (desk {told.get('version')}), and this version reads {FORMAT}: "
            "restore it with the version that made it"
        )
    return Head(**{name: told.get(name) for name in ("format", "version", "as_of", "documents")})  # type: ignore[arg-type]


def _told(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise BadArchive("what it says about itself cannot be read")
    return told


def _compare(hashes: dict[str, str], complete: bytes) -> None:
    wanted: dict[str, str] = _told(complete).get("sha256", {})
    if changed := sorted(name for name, value in hashes.items() if wanted.get(name) != value):
        raise BadArchive(f"{changed[0]} is not what was backed up: its checksum is another one")
    if missing := sorted(wanted.keys() - hashes.keys()):
        raise BadArchive(f"{missing[0]} is missing")
