"""Each contract test runs on both drivers: Motor as asked for, and PyMongo's AsyncMongoClient, its successor."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared import mongo


@pytest.fixture(scope="session", params=["motor", "pymongo"])
async def client(request: pytest.FixtureRequest, mongo_url: str) -> AsyncIterator[mongo.Client]:
    made = mongo.connect(mongo_url, request.param)
    yield made
    await made.drop_database(f"test_contract_{request.param}")
    await mongo.close(made)


@pytest.fixture
async def database(client: mongo.Client) -> mongo.Database:
    """An empty database; its collections and indexes stay, since making them takes longest."""
    driver = "pymongo" if type(client).__name__ == "AsyncMongoClient" else "motor"
    found = mongo.database(client, f"test_contract_{driver}")
    for name in await found.list_collection_names():
        await found[name].delete_many({})
    return found
