"""A hand was in the read model: what it wrote is told, whatever it looks like."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from bson import ObjectId

from desk.replay.verifying import Found, Verifying
from shared import mongo
from shared.mongo import Database
from shared.records import Places


@dataclass
class ShadowThatHasRead:
    """All there is, which is nothing."""

    database: Database

    async def read_to(self) -> Places:
        return {}

    async def advance(self, _until: Places) -> None:
        return None


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Database]:
    client = mongo.connect(mongo_url)
    made = mongo.database(client, f"test_{uuid.uuid4().hex}")
    yield made
    await client.drop_database(made.name)
    await mongo.close(client)


async def test_documents_that_are_none_of_ours_are_told(database: Database) -> None:
    """Ids that are no text, beside one that is; without the fields that each of ours has."""
    for made_up in ({"_id": ObjectId()}, {"_id": 7}, {"_id": "made-up"}):
        await database["incidents"].insert_one(made_up)
    shadow: Any = ShadowThatHasRead(mongo.database(database.client, f"{database.name}_shadow"))
    found: Found = await Verifying(database, shadow, None, patience_s=1.0).compare()
    assert [one.words().endswith("nothing in the log accounts for it") for one in found.differences] == [True] * 3
    assert found.compared == 3
