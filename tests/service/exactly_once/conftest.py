"""A fresh database for each test, on both drivers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared import mongo


@pytest.fixture(params=["motor", "pymongo"])
async def database(request: pytest.FixtureRequest, mongo_url: str) -> AsyncIterator[Any]:
    client = mongo.connect(mongo_url, request.param)
    name = f"test_{uuid.uuid4().hex}"
    yield mongo.database(client, name)
    await client.drop_database(name)
    await mongo.close(client)
