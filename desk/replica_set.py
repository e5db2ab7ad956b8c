"""Founds MongoDB's replica set, for servers that were started with `--replSet` and nothing more."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

ALREADY_INITIALIZED = 23
CALL_TIMEOUT_MS = 5_000
_NOT_FOR_ONE_SERVER = frozenset({"replicaset", "directconnection", "loadbalanced"})


class NotAReplicaSet(Exception):
    """Waiting will not help; the message says what will."""


class NotYetPrimary(Exception):
    """The set exists and has no primary for the moment."""


def found_replica_set(url: str) -> bool:
    """Make the servers of `url` a replica set unless they are one, and see a primary; whether it was made now.

    Raises NotYetPrimary and PyMongoError, after which it may be tried again, and NotAReplicaSet. Every call ends
    within seconds.
    """
    parsed = parse_uri(url)
    with _first_server(parsed) as client:
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
    options = {k: v for k, v in parsed["options"].items() if k.lower() not in _NOT_FOR_ONE_SERVER}
    if parsed["username"]:
        options |= {"username": parsed["username"], "password": parsed["password"]}
    limits = ("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS", "timeoutMS")
    return MongoClient(host, port, **{**options, "directConnection": True, **dict.fromkeys(limits, CALL_TIMEOUT_MS)})


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
