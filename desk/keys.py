"""The keys in the database `desk_access`, for whoever administers them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared import mongo
from shared.access.keys import EVERYWHERE, MOST_EVENTS_PER_MINUTE, Grant, Kind, Role
from shared.access.registry import Registry
from shared.access.store import COLLECTION
from shared.settings import Settings


def agency_grant(
    agency: str, kinds: Sequence[Kind], regions: Sequence[str], events_per_minute: int | None = None
) -> Grant:
    return Grant(
        name=agency,
        agency=agency,
        kinds=frozenset(kinds),
        regions=tuple(dict.fromkeys(regions)),
        events_per_minute=events_per_minute,
    )


def everything_grant(agency: str) -> Grant:
    """Every kind of event for every region, as fast as it goes: for the embedded stack and its tests."""
    return agency_grant(agency, list(Kind), [EVERYWHERE], MOST_EVENTS_PER_MINUTE)


def person_grant(name: str, role: Role) -> Grant:
    return Grant(name=name, role=role)


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[Registry]:
    """The keys of the settings' database. Nothing is dialled until the first call."""
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
    try:
        yield Registry(mongo.database(client, mongo.ACCESS_DB)[COLLECTION])
    finally:
        await mongo.close(client)
