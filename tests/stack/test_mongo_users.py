"""A real mongod that lets nobody in: `desk init` founds its set from beside it, makes the users, and signs in then."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from desk.mongo_users import ensure_users
from desk.replica_set import NotAReplicaSet, NotYetPrimary, found_replica_set
from desk.rights import MONGO_ROLES, USERS
from desk.stack.mongod import find_binary
from desk.stack.ports import free_ports
from shared import mongo


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (found,) = free_ports(1)
    key = tmp_path / "keyfile"
    key.write_text("c2hhcmVkIGJ5IGFsbCBtZW1iZXJz\n")
    key.chmod(0o400)
    (tmp_path / "db").mkdir()
    argv = [find_binary(), "--dbpath", tmp_path / "db", "--port", str(found), "--bind_ip", "localhost"]
    argv += ["--replSet", "rs0", "--keyFile", key, "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([str(part) for part in argv], stdout=log, stderr=log)
        try:
            yield found
        finally:
            process.kill()
            process.wait()


def url(port: int, user: str, password: str) -> str:
    return f"mongodb://{user}:{password}@localhost:{port}/?replicaSet=rs0&authSource=admin"


def found_at_last(address: str) -> bool:
    deadline = time.monotonic() + 60
    while True:
        try:
            return found_replica_set(address)
        except (PyMongoError, NotYetPrimary):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_users_are_made_and_may_do_what_they_need(port: int) -> None:
    """Twice the same, with a changed password the second time; a stranger and a wrong password stay outside."""
    first = url(port, "init", "of-init")
    found_at_last(first)
    assert not found_replica_set(first)
    with pytest.raises(NotAReplicaSet, match="another password"):
        found_replica_set(url(port, "init", "wrong"))
    for password in ("before", "after"):
        ensure_users(first, {user: url(port, user, password) for user in USERS}, MONGO_ROLES)
    with pytest.raises(OperationFailure), MongoClient[dict[str, Any]](url(port, "intake", "before")) as old:
        old[mongo.INTAKE_DB]["x"].find_one()
    with pytest.raises(OperationFailure), MongoClient[dict[str, Any]](f"mongodb://localhost:{port}/") as nobody:
        nobody[mongo.ACCESS_DB]["holders"].find_one()
    for user in USERS:
        with MongoClient[dict[str, Any]](url(port, user, "after"), timeoutMS=10_000) as client:
            assert {db for db in databases() if may_write(client, db)} == {
                db for db in databases() if MONGO_ROLES[user].get(db) == "readWrite"
            }


def databases() -> tuple[str, ...]:
    return mongo.INTAKE_DB, mongo.AGGREGATOR_DB, mongo.NOTIFIER_DB, mongo.ACCESS_DB, "admin", "local"


def may_write(client: MongoClient[dict[str, Any]], name: str) -> bool:
    try:
        client[name]["probe"].insert_one({"x": 1})
    except OperationFailure:
        return False
    return True


def test_a_user_of_another_set_of_secrets_is_told(port: int) -> None:
    """The connection string of one user under another's name is a mistake of the secrets' folder."""
    first = url(port, "init", "of-init")
    found_at_last(first)
    with pytest.raises(ValueError, match="mongo-intake is not the connection string of a user intake"):
        ensure_users(first, {"intake": url(port, "notifier", "x")}, MONGO_ROLES)
