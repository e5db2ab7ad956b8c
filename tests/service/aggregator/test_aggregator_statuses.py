"""Incidents' lives and stocks of logistics over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from shared.access.keys import Role
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from tests.builders import a_status, a_stock, an_incident, utc

AT = utc("2024-11-25 01:00")
HOUR = timedelta(hours=1)

INCIDENT = an_incident(AT - HOUR, AT)
FORWARDED = a_status(AT + HOUR, IncidentStatus.FORWARDED, event_id="s1", note="Bukti cukup.", forwarded_to="Polres")
RESOLVED = a_status(AT + 2 * HOUR, IncidentStatus.RESOLVED, event_id="s2")
ELSEWHERE = a_status(AT + 3 * HOUR, IncidentStatus.DISMISSED, event_id="s3", region="64.71")


@pytest.mark.parametrize("order", list(permutations([INCIDENT, FORWARDED, RESOLVED, ELSEWHERE]))[::5])
async def test_an_incident_s_life(bench: Any, order: Sequence[Envelope]) -> None:
    """In any order of arrival: resolved, handed over to the police, a stranger's word kept as an orphan; each event
    is counted, and the numbers of the region are those of the incident alone."""
    for event in order:
        await bench.feed(event)
    (incident,) = await bench.items("/v1/incidents", status="resolved")
    assert (incident["forwarded_to"], incident["is_quiet_period_violation"]) == ("Polres", True)
    assert incident["history"][1] == {
        "status": "forwarded",
        "at": (AT + HOUR).isoformat(),
        "by": "province-desk",
        "id": "s1",
        "region": "64.72",
        "note": "Bukti cukup.",
        "forwarded_to": "Polres",
        "is_orphan": False,
    }
    assert [(e["status"], e["is_orphan"]) for e in incident["history"]] == [
        ("reported", False),
        ("forwarded", False),
        ("resolved", False),
        ("dismissed", True),
    ]
    for event_id in ("s1", "s2", "s3"):
        assert (await bench.json(f"/v1/events/province-desk/{event_id}"))["counted"]
    region = await bench.json("/v1/regions/64.72")
    assert (region["own"]["incidents"]["count"], region["own"]["quiet_period_violations"]) == (1, 1)
    assert region["own"]["last_event_at"] == (AT + 2 * HOUR).isoformat()
    assert (await bench.json("/v1/regions/64.71"))["own"]["last_event_at"] == (AT + 3 * HOUR).isoformat()


async def test_a_status_without_its_incident_is_shown_as_an_orphan(bench: Any) -> None:
    """Listed, found by status, region and cursor; it becomes a true incident when that comes, and is one item then."""
    await bench.feed(RESOLVED, an_incident(AT, AT + 4 * HOUR, event_id="other", region="64.71"))
    assert [i["id"] for i in await bench.items("/v1/incidents", limit=1)] == ["other", "i1"]
    (orphan,) = await bench.items("/v1/incidents", status="orphan", region="64")
    assert (orphan["agency"], orphan["id"], orphan["region"]) == ("bawaslu", "i1", "64.72")
    assert (orphan["category"], orphan["is_violation"], orphan["forwarded_to"]) == (None, None, None)
    assert [(e["status"], e["is_orphan"]) for e in orphan["history"]] == [("resolved", True)]
    assert (await bench.json("/v1/regions/64.72"))["own"]["incidents"]["count"] == 0
    await bench.feed(INCIDENT)
    assert await bench.items("/v1/incidents", status="orphan") == []
    (incident,) = await bench.items("/v1/incidents", status="resolved")
    assert (incident["category"], incident["received_at"]) == ("money_politics", AT.isoformat())
    assert set(incident) == set(orphan)
    assert (await bench.json("/v1/regions/64.72"))["own"]["incidents"]["count"] == 1


async def test_stocks_are_listed_by_region_and_item(bench: Any) -> None:
    """The latest hour holds whenever it arrives; a region takes in all below it; every page size tells the same."""
    await bench.feed(
        a_stock(AT, 100),
        a_stock(AT - HOUR, 50, received=AT + HOUR, event_id="l2"),
        a_stock(AT, 7, region="64.72.01", event_id="l3", item="ink"),
        a_stock(AT, 8, region="64.72", event_id="l4", item="ink", source_office="Gudang"),
        a_stock(AT, 9, region="64.71", event_id="l5", item="ink"),
    )

    async def rows(**params: Any) -> list[tuple[str, str, int]]:
        found = await bench.items("/v1/logistics", **params)
        assert found == await bench.items("/v1/logistics", **params, limit=1)
        return [(row["region"], row["item"], row["received"]) for row in found]

    boxes, ink, below = ("64.72", "ballot_boxes", 100), ("64.72", "ink", 8), ("64.72.01", "ink", 7)
    assert await rows() == [("64.71", "ink", 9), boxes, ink, below]
    assert await rows(region="64.72") == [boxes, ink, below]
    assert await rows(item="ink") == [("64.71", "ink", 9), ink, below]
    assert await rows(region="64.72.01", item="ink") == [below]
    assert await rows(item="seals") == []
    (shown,) = await bench.items("/v1/logistics", item="ballot_boxes")
    assert shown == {
        "region": "64.72",
        "name": "Kota Samarinda",
        "item": "ballot_boxes",
        "label": {"id": "Kotak suara", "en": "Ballot boxes"},
        "required": 100,
        "received": 100,
        "complete": True,
        "as_of": AT.isoformat(),
        "received_at": (AT + timedelta(minutes=5)).isoformat(),
        "agency": "samarinda-desk",
        "id": "l1",
        "source_office": None,
        "statements": 2,
    }
    for n in range(1, 6):
        assert (await bench.json(f"/v1/events/samarinda-desk/l{n}"))["counted"]
    region = await bench.json("/v1/regions/64.71")
    assert region["own"]["last_event_at"] == (AT + timedelta(minutes=5)).isoformat()
    assert region["total"]["reports"]["count"] == 0


@pytest.mark.parametrize(
    "params",
    [{"items": "ink"}, {"region": "64.*"}, {"item": "$ne"}, {"cursor": "MjAyNA"}, {"complete": "true"}],
    ids=str,
)
async def test_logistics_refuses_what_it_does_not_know(bench: Any, params: dict[str, str]) -> None:
    """A wrong value, a stranger's cursor and a misspelt name answer 422, never an unfiltered list."""
    answer = await bench.get("/v1/logistics", **params)
    assert answer.status == 422, answer.text
    assert [e["field"] for e in answer.json()["errors"]] == list(params)


async def test_agencies_keys_read_none_of_the_lists(bench: Any) -> None:
    """They are for people's keys."""
    own = await bench.key(agency="kpu", kinds=frozenset({"reports"}), regions=("*",))
    admin = await bench.key(role=Role.ADMIN)
    await bench.feed(INCIDENT)
    for path in ("reports", "logistics", "reports/bawaslu/i1"):
        assert (await bench.get(f"/v1/{path}", own)).status == 403, path
        assert (await bench.get(f"/v1/{path}", "")).status == 401, path
    assert (await bench.get("/v1/reports", admin)).status == 200
    assert (await bench.get("/v1/reports/bawaslu/i1", admin)).status == 404
