"""schemathesis over the OpenAPI documents of the services that show things. (Intake has its own.) They need no Kafka
to show what there is."""

from __future__ import annotations

import http.client
import os
import time
import uuid
from pathlib import Path

import pytest
from pymongo import MongoClient

from desk.service_processes import environment, service_child
from desk.stack.ports import free_ports
from shared import mongo
from shared.access import store
from shared.access.keys import Grant, Role
from tests.builders import a_holder_document
from tests.openapi_run import run

# Wrong parameters that a schema cannot say.
EXCUSED = {
    "cursor": "a cursor is opaque",
    "region_unknown": "the roster has a thousand codes",
    "category_unknown": "the election file has them",
    "category_unlisted": "and they may change",
    "item_unknown": "as have items",
    "item_unlisted": "and they too",
    "period_weekday": "a schema knows no calendar",
    "period_not_owed": "nor an election's",
    "date_syntax": "nor the days of a month",
    "time_far_off": "a date's years",
    "until_past": "nor what the time is",
    "until_before_from": "nor that one field comes after another",
    "silence_system": "nor that one field goes with another",
}


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def let_see(mongo_url: str, key: str) -> None:
    client: MongoClient[dict[str, object]] = MongoClient(mongo_url, tz_aware=True)
    with client:
        document = a_holder_document(key, Grant(key, role=Role.OPERATOR))
        client[mongo.ACCESS_DB][store.COLLECTION].insert_one(document)


@pytest.mark.parametrize("service", ["aggregator", "notifier"])
def test_document_is_true(service: str, mongo_url: str, tmp_path: Path) -> None:
    """No 5xx, no status or content type that is not documented, every answer as its schema says, no call without a
    key, nothing wrong accepted."""
    key, (port,) = f"viewer-{uuid.uuid4().hex[:8]}", free_ports(1)
    let_see(mongo_url, key)
    env = environment(os.environ, kafka="127.0.0.1:1", mongo=mongo_url)
    process = service_child(service, port, env, tmp_path / "service.log").start()
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            assert time.monotonic() < deadline, process.tail()
            time.sleep(0.1)
        seen = run(
            f"http://127.0.0.1:{port}", key, EXCUSED, lambda s: s.exclude(path_regex="stream|readyz"), examples=3
        )
    finally:
        process.stop()
    assert not seen.wrong, "\n\n".join(seen.wrong)
    assert {200, 401, 404, 405, 422} <= seen.statuses.keys()
