"""The notifier's deliveries, on both drivers and a real MongoDB."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.delivery.delivery_store import DeliveryStore
from shared import mongo

Document = dict[str, Any]


@pytest.fixture
async def store(database: mongo.Database) -> DeliveryStore:
    return DeliveryStore(database)


async def plan(store: DeliveryStore, *names: str, receiver: str = "hook", **fields: Any) -> None:
    await store.plan(
        {"_id": f"{n}|{receiver}", "receiver": receiver, "state": "pending", "payload": {"n": n}, **fields}
        for n in names
    )


async def one(store: DeliveryStore, delivery_id: str) -> Document:
    found = await store.database.deliveries.find_one({"_id": delivery_id})
    assert found is not None
    return dict(found)


async def let_pass(store: DeliveryStore, field: str) -> None:
    """As if the time until then had passed."""
    await store.database.deliveries.update_many({}, [{"$set": {field: "$$NOW"}}])


async def test_planning_a_delivery_twice_changes_nothing(store: DeliveryStore) -> None:
    """Its `_id` is the notice and the receiver: what is there stays, whatever became of it; operators stay texts."""
    payload = {"text": "$$NOW and $field", "nested": {"$set": 1}}
    await plan(store, "n1", payload=payload)
    first = await one(store, "n1|hook")
    assert first["payload"] == payload
    assert first["attempts"] == []
    assert first["planned_at"] == first["next_attempt_at"] == first["lease_until"]
    await store.database.deliveries.update_one({"_id": "n1|hook"}, {"$set": {"state": "delivered"}})
    await plan(store, "n1", "n2", payload={"text": "other"})
    assert await one(store, "n1|hook") == {**first, "state": "delivered"}
    assert (await one(store, "n2|hook"))["state"] == "pending"
    await store.plan([])


async def test_claim_logs_the_attempt_before_anything_is_sent(store: DeliveryStore) -> None:
    """The claim itself writes the attempt, by the database's clock, and who has it for how long."""
    await plan(store, "n1")
    claimed = await store.claim("hook", "me", 30)
    assert claimed is not None
    assert claimed == await one(store, "n1|hook")
    (attempt,) = claimed["attempts"]
    assert (attempt["by"], attempt["outcome"], claimed["lease_owner"]) == ("me", "started", "me")
    assert claimed["lease_until"] - attempt["started_at"] == timedelta(seconds=30)


async def test_two_owners(store: DeliveryStore) -> None:
    """Of many owners at once exactly one gets it; another receiver's deliveries are another's business."""
    await plan(store, "n1")
    claims = await asyncio.gather(*(store.claim("hook", f"owner-{n}", 30) for n in range(10)))
    assert len([c for c in claims if c is not None]) == 1
    assert await store.claim("other", "me", 30) is None
    assert len((await one(store, "n1|hook"))["attempts"]) == 1


async def test_lease_ends_by_the_database_s_clock(store: DeliveryStore) -> None:
    """A dead owner's delivery is free again after the lease, with both attempts on record."""
    await plan(store, "n1")
    assert await store.claim("hook", "dead", 30)
    assert await store.claim("hook", "next", 30) is None
    await let_pass(store, "lease_until")
    claimed = await store.claim("hook", "next", 30)
    assert claimed is not None
    assert [a["by"] for a in claimed["attempts"]] == ["dead", "next"]


async def test_earliest_first(store: DeliveryStore) -> None:
    """The delivery that has waited longest is next."""
    await plan(store, "n1")
    await asyncio.sleep(0.005)
    await plan(store, "n0")
    first, second = await store.claim("hook", "me", 30), await store.claim("hook", "me", 30)
    assert first is not None
    assert second is not None
    assert [first["_id"], second["_id"]] == ["n1|hook", "n0|hook"]


async def test_record_of_an_attempt(store: DeliveryStore) -> None:
    """Its end is written to its own entry; tried again only after the wait; what came back stays text."""
    await plan(store, "n1")
    claimed = await store.claim("hook", "me", 30)
    assert claimed is not None
    outcome = {"outcome": "failed", "status": 503, "problem": "$$NOW"}
    await store.record_attempt(claimed, outcome, "pending", 30)
    recorded = await one(store, "n1|hook")
    assert recorded["attempts"][0].items() >= outcome.items()
    assert recorded["attempts"][0]["ended_at"] >= recorded["attempts"][0]["started_at"]
    assert recorded["next_attempt_at"] - recorded["attempts"][0]["ended_at"] == timedelta(seconds=30)
    assert await store.claim("hook", "me", 30) is None
    await let_pass(store, "next_attempt_at")
    again = await store.claim("hook", "me", 30)
    assert again is not None
    await store.record_attempt(again, {"outcome": "ok", "status": 200}, "delivered", None)
    done = await one(store, "n1|hook")
    assert [a["outcome"] for a in done["attempts"]] == ["failed", "ok"]
    assert await store.claim("hook", "me", 30) is None


async def test_who_lost_the_lease_records_nothing(store: DeliveryStore) -> None:
    """A zombie whose delivery was taken over cannot mark it: the owner's record counts."""
    await plan(store, "n1")
    zombie = await store.claim("hook", "zombie", 0)
    owner = await store.claim("hook", "owner", 30)
    assert zombie is not None
    assert owner is not None
    await store.record_attempt(zombie, {"outcome": "failed"}, "dead", None)
    assert await one(store, "n1|hook") == owner
    await store.record_attempt(owner, {"outcome": "ok"}, "delivered", None)
    assert (await one(store, "n1|hook"))["state"] == "delivered"


@pytest.mark.parametrize("state", ["delivered", "dead", "suppressed"])
async def test_only_pending_ones_are_claimed(store: DeliveryStore, state: str) -> None:
    """What is done, dead or suppressed is not sent."""
    await plan(store, "n1", state=state)
    assert await store.claim("hook", "me", 30) is None


async def test_lists(store: DeliveryStore) -> None:
    """By id, of one state or of all, page by page; and those that tell of an alert, in the order they were planned."""
    await plan(store, "n2", alerts=["a", "b"])
    await asyncio.sleep(0.005)
    await plan(store, "n1", state="dead", alerts=["b"])
    await plan(store, "n3", alerts=["c"])

    async def ids(state: str | None = None, after: str | None = None, most: int = 9) -> list[str]:
        return [d["_id"] for d in await store.listed(state, after, most)]

    assert await ids() == ["n1|hook", "n2|hook", "n3|hook"]
    assert await ids("pending") == ["n2|hook", "n3|hook"]
    assert await ids(after="n1|hook", most=1) == ["n2|hook"]
    assert [d["_id"] for d in await store.of_alerts(["b", "x"])] == ["n2|hook", "n1|hook"]
