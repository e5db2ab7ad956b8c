"""The keys in the database `desk_access`, for whoever administers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared import mongo
from shared.access.keys import EVERYWHERE, Grant, Kind, Role
from shared.access.store import COLLECTION, AccessStore
from shared.settings import Settings


def agency_grant(agency: str, kinds: Sequence[Kind], regions: Sequence[str]) -> Grant:
    return Grant(name=agency, agency=agency, kinds=frozenset(kinds), regions=tuple(regions))


def everything_grant(agency: str) -> Grant:
    """Every kind of event for every region: for the embedded stack and its tests."""
    return agency_grant(agency, list(Kind), [EVERYWHERE])


def person_grant(name: str, role: Role) -> Grant:
    return Grant(name=name, role=role)


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[AccessStore]:
    """The keys of the settings' database. Nothing is dialled until the first call."""
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
    try:
        yield AccessStore(mongo.database(client, mongo.ACCESS_DB)[COLLECTION], settings.access_cache_s)
    finally:
        await mongo.close(client)
