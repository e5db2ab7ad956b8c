"""MongoDB's users for the services; the first one, `desk init`'s own, is `desk/replica_set.py`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

from desk.replica_set import CALL_TIMEOUT_MS

_NO_SUCH_USER = 11


def ensure_users(url: str, urls: Mapping[str, str], roles: Mapping[str, Mapping[str, str]]) -> None:
    """A user for each of `urls`, the connection strings that the services will use, with its roles in each database.
    What such a user had beyond is taken away. Raises PyMongoError, ValueError."""
    with MongoClient[dict[str, Any]](url, timeoutMS=2 * CALL_TIMEOUT_MS) as client:
        for user, its_url in urls.items():
            parsed = parse_uri(its_url)
            if parsed["username"] != user or not parsed["password"]:
                raise ValueError(f"DESK_USERS_DIR: mongo-{user} is not the connection string of a user {user}")
            granted = [{"role": role, "db": database} for database, role in roles[user].items()]
            _put(client, user, parsed["password"], granted)


def _put(client: MongoClient[dict[str, Any]], user: str, password: str, roles: list[dict[str, str]]) -> None:
    try:
        client.admin.command("updateUser", user, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != _NO_SUCH_USER:
            raise
        client.admin.command("createUser", user, pwd=password, roles=roles)
