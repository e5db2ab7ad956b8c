"""What stands twice in a query, at every call of every service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI

from services.aggregator.app import create_app as aggregator
from services.intake.app import create_app as intake
from services.notifier.app import create_app as notifier
from shared.access.keys import Grant, Role
from shared.access.store import AccessStore
from shared.settings import Settings

LISTS = {("/v1/stream", "kinds")}  # parameters that may stand more than once
VALUES = {"kind": "report"}  # where intake looks at the value first


@pytest.fixture
def everybody_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key is looked up."""

    async def grant(_self: AccessStore, _key: str) -> Grant:
        return Grant("ani", role=Role.ADMIN)

    monkeypatch.setattr(AccessStore, "grant_of", grant)
    monkeypatch.setattr(AccessStore, "fresh_grant_of", grant)


def documented(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Method, path and name of each query parameter."""
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    yield method.upper(), path, parameter["name"]


@pytest.mark.parametrize("service", [intake, aggregator, notifier])
async def test_a_parameter_that_stands_twice_is_refused(
    service: Callable[[Settings], FastAPI], everybody_may: None
) -> None:
    """Of two values one would be dropped without a word: a filter never looks like an unfiltered list."""
    app = service(Settings(mongo="mongodb://127.0.0.1:1", kafka="127.0.0.1:1"))
    transport, seen = httpx.ASGITransport(app), 0
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as caller:
        for method, path, name in documented(app):
            if (path, name) in LISTS or not path.startswith("/v1/"):
                continue
            value = VALUES.get(name, "1")
            address = f"{re.sub('{[^}]*}', 'x', path)}?{name}={value}&{name}={value}"
            answer = await caller.request(method, address, headers={"authorization": "Bearer k"})
            assert answer.status_code == 422, address
            assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(name, "parameter_twice")], address
            seen += 1
    assert seen > 5
