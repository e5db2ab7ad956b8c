"""The notifier's store, and what it stands on, on both drivers and a real MongoDB."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure

from services.notifier import judgements
from services.notifier.store import Store
from shared import mongo
from shared.exactly_once.cursors import empty
from shared.exactly_once.documents import compare_and_set
from tests.builders import utc

Document = dict[str, Any]
JUDGE_AT = utc("2024-11-18T18:00:00Z")


@pytest.fixture
async def store(database: mongo.Database) -> Store:
    return Store(database)


async def plan(store: Store, *names: str, receiver: str = "hook", **fields: Any) -> None:
    await store.plan_deliveries(
        {"_id": f"{n}|{receiver}", "receiver": receiver, "state": "pending", "payload": {"n": n}, **fields}
        for n in names
    )


async def one(store: Store, delivery_id: str) -> Document:
    found = await store.deliveries.find_one({"_id": delivery_id})
    assert found is not None
    return dict(found)


async def let_pass(store: Store, field: str) -> None:
    """As if the time until then had passed."""
    await store.deliveries.update_many({}, [{"$set": {field: "$$NOW"}}])


# the drivers


async def test_indexes_are_made_twice(store: Store) -> None:
    """Making the indexes is idempotent, and they are there."""
    for _ in range(2):
        await store.ensure_indexes()
    names = set(await store.deliveries.index_information())
    assert "receiver_1_state_1_next_attempt_at_1" in names


async def test_times_are_aware_and_concerns_are_stated(client: mongo.Client, database: mongo.Database) -> None:
    """Times come back aware, in UTC; writes wait for the journals of a majority whatever the address says."""
    await database.things.insert_one({"_id": 1, "at": JUDGE_AT.astimezone()})
    found = await database.things.find_one({"_id": 1})
    assert found is not None
    assert found["at"] == JUDGE_AT
    assert found["at"].utcoffset() == timedelta()
    assert database.write_concern.document == {"w": "majority", "j": True}
    assert database.read_concern.level == "majority"


async def test_time_of_the_database(client: mongo.Client) -> None:
    """One clock for all replicas: aware UTC, and about now."""
    now = await mongo.server_time(client)
    assert now.utcoffset() == timedelta()
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


async def test_aggregate(database: mongo.Database) -> None:
    """Pipelines, which the two drivers start differently."""
    await database.things.insert_many([{"_id": n, "even": n % 2 == 0} for n in range(5)])
    pipeline: list[Document] = [{"$match": {"even": True}}, {"$sort": {"_id": 1}}]
    assert [d["_id"] async for d in mongo.aggregate(database.things, pipeline)] == [0, 2, 4]


async def test_errors_are_one_kind(database: mongo.Database) -> None:
    """Whatever the driver, what the database refuses is a DatabaseError."""
    await database.things.insert_one({"_id": 1})
    with pytest.raises(mongo.DatabaseError) as refused:
        await database.things.insert_one({"_id": 1})
    assert isinstance(refused.value, DuplicateKeyError)
    with pytest.raises(OperationFailure):
        await database.things.update_one({"_id": 1}, {"$no-such-operator": 1})


# compare and set


async def test_compare_and_set(store: Store) -> None:
    """A first write inserts, a later one needs the revision it read, a rival's write is seen."""
    first = {**empty("a"), "rev": 1, "n": 1}
    assert await compare_and_set(store.alerts, empty("a"), first)
    assert not await compare_and_set(store.alerts, empty("a"), {**first, "n": 2})
    assert await compare_and_set(store.alerts, first, {**first, "rev": 2, "n": 2})
    assert not await compare_and_set(store.alerts, first, {**first, "rev": 2, "n": 3})
    found = await store.alerts.find_one({"_id": "a"})
    assert found is not None
    assert (found["rev"], found["n"]) == (2, 2)


async def test_update_applies_every_rival_s_change_once(store: Store) -> None:
    """Twenty rivals count one document up: twenty; who changes nothing writes nothing."""

    async def count_up() -> None:
        await store.update(store.alerts, "a", lambda old: {**old, "n": old.get("n", 0) + 1})

    await asyncio.gather(*(count_up() for _ in range(20)))
    found = await store.update(store.alerts, "a", lambda old: old)
    assert (found["n"], found["rev"]) == (20, 20)
    unknown = await store.update(store.alerts, "b", lambda old: old)
    assert unknown == empty("b")
    assert await store.alerts.find_one({"_id": "b"}) is None


async def test_a_mark_set_meanwhile_is_not_taken_off(store: Store) -> None:
    """Read, a new verdict comes, mark taken off: the new verdict's mark stays."""
    seen = await store.update(store.obligations, "a", lambda old: {**old, "unpublished": 1})
    await store.update(store.obligations, "a", lambda old: {**old, "unpublished": 2})
    await store.take_off(store.obligations, seen, "unpublished")
    (waiting,) = await store.waiting(store.obligations, "unpublished")
    assert waiting["unpublished"] == 2
    await store.take_off(store.obligations, waiting, "unpublished")
    assert await store.waiting(store.obligations, "unpublished") == []


async def test_a_mark_taken_off_meanwhile_is_set_anew(store: Store) -> None:
    """A fold reads, the mark is taken off, the fold writes what changed: its own mark is there."""
    seen = await store.update(store.obligations, "a", lambda old: {**old, "unpublished": 1})
    await store.take_off(store.obligations, seen, "unpublished")
    folded = {**seen, "rev": seen["rev"] + 1, "unpublished": 2}
    assert await compare_and_set(store.obligations, seen, folded)
    assert [d["unpublished"] for d in await store.waiting(store.obligations, "unpublished")] == [2]


# judgements


def a_judgement(name: str, **fields: Any) -> Document:
    plain = {"period": "2024-11-18", "judge_at": JUDGE_AT, "state": judgements.OPEN, "rev": 1}
    return {"_id": name, **plain, "first_seen_at": None, "ends": None, "is_called_undetermined": False, **fields}


async def test_due_judgements(store: Store) -> None:
    """Open ones whose moment has come, the earliest first; planned again they stay as they are."""
    later = a_judgement("later", judge_at=JUDGE_AT + timedelta(hours=1))
    wanted = [later, a_judgement("now"), a_judgement("done", state=judgements.JUDGED)]
    await store.plan_judgements(wanted)
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT - timedelta(milliseconds=1))] == []
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT)] == ["now"]
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT + timedelta(days=1))] == ["now", "later"]
    await store.close_judgement("now", {"64": ["64.72"]}, {"64": ["64.71", "64.72"]})
    await store.plan_judgements(wanted)
    await store.plan_judgements([])
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT)] == []
    assert await store.open_judgements_of("2024-11-18") == 1


async def test_first_sighting_and_ends_are_kept_once(store: Store) -> None:
    """The first replica's sighting, by the database's clock, and its end offsets hold for all."""
    await store.plan_judgements([a_judgement("j")])
    first = await store.first_seen("j")
    await asyncio.sleep(0.005)
    assert (await store.first_seen("j"))["first_seen_at"] == first["first_seen_at"]
    kept = await store.keep_ends("j", {0: (0, 5), 11: (2, 2)})
    assert kept["ends"] == {"0": [0, 5], "11": [2, 2]}
    assert (await store.keep_ends("j", {0: (0, 9)}))["ends"] == kept["ends"]


async def test_a_judgement_is_closed_once(store: Store) -> None:
    """Who closes second changes nothing; a judgement without anyone missing needs no digest."""
    await store.plan_judgements([a_judgement("j"), a_judgement("k")])
    await store.close_judgement("j", {"64": ["64.72"]}, {"64": ["64.72"]})
    await store.close_judgement("j", {}, {})
    await store.close_judgement("k", {}, {"64": ["64.72"]})
    found = {d["_id"]: (d["missing"], d["is_noticed"]) async for d in store.judgements.find()}
    assert found == {"j": ({"64": ["64.72"]}, False), "k": ({}, True)}


# deliveries


async def test_planning_a_delivery_twice_changes_nothing(store: Store) -> None:
    """Its `_id` is the notice and the receiver: what is there stays, whatever became of it; operators stay texts."""
    payload = {"text": "$$NOW and $field", "nested": {"$set": 1}}
    await plan(store, "n1", payload=payload)
    first = await one(store, "n1|hook")
    assert first["payload"] == payload
    assert first["attempts"] == []
    assert first["planned_at"] == first["next_attempt_at"] == first["lease_until"]
    await store.deliveries.update_one({"_id": "n1|hook"}, {"$set": {"state": "delivered"}})
    await plan(store, "n1", "n2", payload={"text": "other"})
    assert await one(store, "n1|hook") == {**first, "state": "delivered"}
    assert (await one(store, "n2|hook"))["state"] == "pending"
    await store.plan_deliveries([])


async def test_claim_logs_the_attempt_before_anything_is_sent(store: Store) -> None:
    """The claim itself writes the attempt, by the database's clock, and who has it for how long."""
    await plan(store, "n1")
    claimed = await store.claim("hook", "me", 30)
    assert claimed is not None
    assert claimed == await one(store, "n1|hook")
    (attempt,) = claimed["attempts"]
    assert (attempt["by"], attempt["outcome"], claimed["lease_owner"]) == ("me", "started", "me")
    assert claimed["lease_until"] - attempt["started_at"] == timedelta(seconds=30)


async def test_two_owners(store: Store) -> None:
    """Of many owners at once exactly one gets it; another receiver's deliveries are another's business."""
    await plan(store, "n1")
    claims = await asyncio.gather(*(store.claim("hook", f"owner-{n}", 30) for n in range(10)))
    assert len([c for c in claims if c is not None]) == 1
    assert await store.claim("other", "me", 30) is None
    assert len((await one(store, "n1|hook"))["attempts"]) == 1


async def test_lease_ends_by_the_database_s_clock(store: Store) -> None:
    """A dead owner's delivery is free again after the lease, with both attempts on record."""
    await plan(store, "n1")
    assert await store.claim("hook", "dead", 30)
    assert await store.claim("hook", "next", 30) is None
    await let_pass(store, "lease_until")
    claimed = await store.claim("hook", "next", 30)
    assert claimed is not None
    assert [a["by"] for a in claimed["attempts"]] == ["dead", "next"]


async def test_earliest_first(store: Store) -> None:
    """The delivery that has waited longest is next."""
    await plan(store, "n1")
    await asyncio.sleep(0.005)
    await plan(store, "n0")
    first, second = await store.claim("hook", "me", 30), await store.claim("hook", "me", 30)
    assert first is not None
    assert second is not None
    assert [first["_id"], second["_id"]] == ["n1|hook", "n0|hook"]


async def test_record_of_an_attempt(store: Store) -> None:
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


async def test_who_lost_the_lease_records_nothing(store: Store) -> None:
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
async def test_only_pending_ones_are_claimed(store: Store, state: str) -> None:
    """What is done, dead or suppressed is not sent."""
    await plan(store, "n1", state=state)
    assert await store.claim("hook", "me", 30) is None


async def test_disabled_receiver(store: Store) -> None:
    """The mark is written once and again, with its reason."""
    for reason in ("HTTP 410", "HTTP 410 again"):
        await store.disable_receiver("hook", reason)
    assert [d async for d in store.receivers.find()] == [{"_id": "hook", "disabled_because": "HTTP 410 again"}]
