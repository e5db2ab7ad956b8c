"""Founds MongoDB's replica set, for servers that were started with `--replSet` and nothing more."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

CALL_TIMEOUT_MS = 5_000
ALREADY_INITIALIZED, AUTHENTICATION_FAILED, UNAUTHORIZED, USER_IS_THERE = 23, 18, 13, 51003
_ROOT = [{"role": "root", "db": "admin"}]
_NOT_FOR_ONE_SERVER = frozenset({"replicaset", "directconnection", "loadbalanced"})


class NotAReplicaSet(Exception):
    """Waiting will not help; the message says what will."""


class NotYetPrimary(Exception):
    """The set exists and has no primary for the moment."""


def found_replica_set(url: str) -> bool:
    """Make the servers of `url` a replica set unless they are one, and see a primary; whether it was made now.

    Where `url` has a user whom the servers do not know yet, it is made too: for that we must run beside the first
    server (same network namespace), since MongoDB lets nobody else in then. Raises NotYetPrimary and PyMongoError,
    after which it may be tried again, and NotAReplicaSet. Every call ends within seconds.
    """
    parsed = parse_uri(url)
    try:
        with _first_server(parsed) as client:
            return _founded(client, parsed)
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED or not parsed["username"]:
            raise
    with _from_beside(parsed) as client:
        is_new = _founded(client, parsed)
        try:
            user, password = parsed["username"], parsed["password"]
            client.admin.command("createUser", user, pwd=password, roles=_ROOT)
        except OperationFailure as error:
            if error.code not in (UNAUTHORIZED, USER_IS_THERE):
                raise
            raise NotAReplicaSet(f"MongoDB knows {parsed['username']} by another password than DESK_MONGO's") from None
    return is_new


def _founded(client: MongoClient[dict[str, Any]], parsed: dict[str, Any]) -> bool:
    hello = client.admin.command("hello")
    is_new = "setName" not in hello
    if is_new:
        if not hello.get("isreplicaset"):
            raise NotAReplicaSet("MongoDB runs as a single server: start it with --replSet, for example rs0")
        _initiate(client, parsed)
        hello = client.admin.command("hello")
    if "primary" not in hello:
        raise NotYetPrimary("the replica set has no primary yet")
    return is_new


def _first_server(parsed: dict[str, Any]) -> MongoClient[dict[str, Any]]:
    """A client of the first server alone: before the set is founded there is no set to connect to."""
    host, port = parsed["nodelist"][0]
    user = {"username": parsed["username"], "password": parsed["password"]} if parsed["username"] else {}
    return MongoClient(host, port, **_options(parsed), **user)


def _from_beside(parsed: dict[str, Any]) -> MongoClient[dict[str, Any]]:
    """The same server by its loopback, and nobody's name."""
    options = {k: v for k, v in _options(parsed).items() if not k.lower().startswith("auth")}
    return MongoClient("localhost", parsed["nodelist"][0][1], **options)


def _options(parsed: dict[str, Any]) -> dict[str, Any]:
    options = {k: v for k, v in parsed["options"].items() if k.lower() not in _NOT_FOR_ONE_SERVER}
    limits = ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS", "timeoutMS")
    return {**options, "directConnection": True, **dict.fromkeys(limits, CALL_TIMEOUT_MS)}


def _initiate(client: MongoClient[dict[str, Any]], parsed: dict[str, Any]) -> None:
    name = next((v for k, v in parsed["options"].items() if k.lower() == "replicaset"), None)
    if name is None:
        raise NotAReplicaSet("DESK_MONGO names no replica set: add for example ?replicaSet=rs0")
    members = [{"_id": i, "host": f"{host}:{port}"} for i, (host, port) in enumerate(parsed["nodelist"])]
    try:
        client.admin.command("replSetInitiate", {"_id": name, "members": members})
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:  # another init job was first
            raise
