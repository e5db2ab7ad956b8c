"""The aggregator's process: health, documents, indexes, and life without its neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from services.aggregator import indexes
from services.aggregator.app import create_app
from services.aggregator.lists.queries import IncidentsQuery, LogisticsQuery, ReportsQuery
from shared.http.lists import AlertsQuery
from shared.settings import Settings


async def test_health_and_documents(bench: Any) -> None:
    """It lives at once, is not ready before it has joined its group, and tells its topics and its API."""
    assert (await bench.get("/healthz")).status == 200
    ready = await bench.get("/readyz")
    assert ready.status == 503
    assert list(ready.json()["problems"]) == ["consumer"]
    channels = str((await bench.get("/asyncapi.json")).json())
    assert all(topic in channels for topic in ("desk.reports", "desk.incidents", "desk.alerts"))
    paths = (await bench.get("/openapi.json")).json()["paths"]
    assert {"/v1/regions/{code}", "/v1/periods/{period}", "/v1/events/{agency}/{event_id}"} <= set(paths)
    assert "desk_info" in (await bench.get("/metrics")).text


LISTS: list[tuple[str, dict[str, int], type[Any], dict[str, Any]]] = [
    (
        "reports",
        {"received_at": -1, "_id": -1},
        ReportsQuery,
        {"limit": 1, "region": "64.72", "period": "2024-11-18", "withdrawn": True},
    ),
    (
        "incidents",
        {"received_at": -1, "_id": -1},
        IncidentsQuery,
        {
            "limit": 1,
            "region": "64.72",
            "category": "security",
            "status": "orphan",
            "quiet_period": True,
            "violation": True,
        },
    ),
    ("logistics", {"region": 1, "item": 1}, LogisticsQuery, {"limit": 1, "region": "64.72", "item": "ink"}),
    (
        "alerts",
        {"raised_at": -1, "_id": -1},
        AlertsQuery,
        {"limit": 1, "region": "64.72", "rule": "missing-report", "state": "firing", "period": "2024-11-18"},
    ),
]


@pytest.mark.parametrize(("collection", "order", "query", "filters"), LISTS, ids=[row[0] for row in LISTS])
async def test_indexes_are_made_once_and_used(
    bench: Any, collection: str, order: dict[str, int], query: type[Any], filters: dict[str, Any]
) -> None:
    """Making them again changes nothing, and no filter of a list walks through its whole collection."""
    await indexes.ensure_indexes(bench.database)
    for name, value in filters.items():
        wanted = query(**{name: value}).to_mongo()
        find = {"find": collection, "filter": wanted, "sort": order, "limit": 200}
        plan = str(await bench.database.command("explain", find))
        assert "COLLSCAN" not in plan, name


async def test_process_without_neighbours_lives_and_says_so(call: Any) -> None:
    """With Kafka and MongoDB away it starts, answers, is not ready, refuses with 503, and stops within its limits."""
    nobody = "mongodb://127.0.0.1:1/?replicaSet=rs0"
    app = create_app(Settings(mongo=nobody, mongo_timeout_ms=200, kafka="127.0.0.1:1"))
    async with app.router.lifespan_context(app):
        assert (await call(app, "/healthz")).status == 200
        ready = await call(app, "/readyz")
        assert (ready.status, sorted(ready.json()["problems"])) == (503, ["consumer", "mongo"])
        answer = await call(app, "/v1/regions", "desk_x_y")
        assert (answer.status, answer.json()["status"]) == (503, 503)


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_either_driver_serves(settings: Settings, driver: str, call: Any) -> None:
    """The app runs on Motor and on its successor alike."""
    app = create_app(settings.model_copy(update={"mongo_driver": driver}))
    async with app.router.lifespan_context(app):
        assert list((await call(app, "/readyz")).json()["problems"]) == ["consumer"]
        assert (await call(app, "/v1/regions", "desk_x_y")).status == 401
