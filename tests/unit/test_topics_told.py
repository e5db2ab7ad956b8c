"""The AsyncAPI document of each service says which topics it writes and reads, all of them."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from services.aggregator.app import create_app as aggregator
from services.intake.app import create_app as intake
from services.notifier.app import create_app as notifier
from shared.settings import Settings

EVENTS = {"desk.reports", "desk.incidents", "desk.logistics"}


@pytest.mark.parametrize(
    ("service", "writes", "reads"),
    [
        pytest.param(intake, EVENTS, set[str](), id="intake"),
        pytest.param(aggregator, {"desk.dead-letters"}, EVENTS | {"desk.alerts"}, id="aggregator"),
        # It reads its own alerts when its database was lost.
        pytest.param(notifier, {"desk.alerts", "desk.dead-letters"}, EVENTS | {"desk.alerts"}, id="notifier"),
    ],
)
async def test_who_writes_and_who_reads(
    service: Callable[[Settings], FastAPI], writes: set[str], reads: set[str]
) -> None:
    """As the design's table of topics has it."""
    app = service(Settings(mongo="mongodb://127.0.0.1:1", kafka="127.0.0.1:1"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.example") as caller:
        document = (await caller.get("/asyncapi.json")).json()
    told: dict[str, set[str]] = {"send": set(), "receive": set()}
    for operation in document["operations"].values():
        channel = document["channels"][operation["channel"]["$ref"].rsplit("/", 1)[1]]
        told[operation["action"]].add(channel["address"])
    assert told == {"send": writes, "receive": reads}
