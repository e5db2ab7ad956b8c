"""The local mongod keeps what it confirmed."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, WriteConcern

from desk.stack import mongod
from desk.stack.errors import StackError
from desk.stack.ports import free_ports, require_free
from desk.stack.process import Process

UNAVAILABLE = mongod.available()

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, data_dir: Path, port: int) -> Process:
    return mongod.start(data_dir, port, lambda process: stack.callback(process.stop))


def write(port: int, value: int) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(mongod.url(port))
    with client:
        durable = WriteConcern(w="majority", j=True, wtimeout=10_000)
        client.db.get_collection("c", write_concern=durable).insert_one({"_id": value})


def read(port: int) -> list[int]:
    client: MongoClient[dict[str, Any]] = MongoClient(mongod.url(port))
    with client:
        return [document["_id"] for document in client.db.c.find().sort("_id")]


def test_majority_writes_survive_a_kill(stack: ExitStack, tmp_path: Path) -> None:
    """What was confirmed by the majority is there after kill -9 and a restart on the same port."""
    (port,) = free_ports(1)
    process = start(stack, tmp_path, port)
    write(port, 1)
    process.kill()
    restarted = start(stack, tmp_path, port)
    write(port, 2)
    assert read(port) == [1, 2]
    restarted.stop()
    require_free(port, "nothing may listen after stop")


def test_data_directory_moves_to_another_port(stack: ExitStack, tmp_path: Path) -> None:
    """The replica set follows its data directory to another port."""
    first, second = free_ports(2)
    process = start(stack, tmp_path, first)
    write(first, 1)
    process.stop()
    start(stack, tmp_path, second)
    write(second, 2)
    assert read(second) == [1, 2]


def test_death_during_the_start_shows_the_log(stack: ExitStack, tmp_path: Path) -> None:
    """A mongod that dies while starting is reported with the end of its log."""
    first, second = free_ports(2)
    start(stack, tmp_path, first)
    with pytest.raises(StackError, match=r"(?s)mongod died while starting.*DBPathInUse"):
        start(stack, tmp_path, second)
