"""The notifier's store, and what it stands on, on both drivers and a real MongoDB."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.errors import DuplicateKeyError, OperationFailure

from services.notifier.store import Store
from services.notifier.verdicts import judgements
from shared import mongo
from shared.exactly_once.cursors import empty
from shared.exactly_once.documents import compare_and_set
from tests.builders import utc

Document = dict[str, Any]
JUDGE_AT = utc("2024-11-18T18:00:00Z")


@pytest.fixture
async def store(database: mongo.Database) -> Store:
    return Store(database)


# the drivers


async def test_indexes_are_made_twice(store: Store) -> None:
    """Making the indexes is idempotent, and they are there."""
    for _ in range(2):
        await store.ensure_indexes()
    names = set(await store.database.deliveries.index_information())
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


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_no_address_weakens_what_is_read_or_written(mongo_url: str, driver: str) -> None:
    """Of two answers the second is never older than the first: what is kept by the log's positions relies on it
    (docs/decisions/0031), and a secondary may be behind the one that was asked before."""
    weak = "readPreference=secondaryPreferred&readConcernLevel=local&w=1"
    client = mongo.connect(f"{mongo_url}{'&' if '?' in mongo_url else '?'}{weak}", driver)
    database = mongo.database(client, "test_contract_weak")
    assert database.things.read_preference == ReadPreference.PRIMARY
    assert database.things.write_concern.document == {"w": "majority", "j": True}
    assert database.things.read_concern.level == "majority"
    await mongo.close(client)


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


async def test_documents_as_they_came(database: mongo.Database) -> None:
    """More than one answer holds, each by itself; taken apart they are what `find` gives."""
    await database.things.insert_many([{"_id": n, "at": JUDGE_AT, "text": "x" * 900_000} for n in range(20)])
    raw = await mongo.raw_of(database.things.find_raw_batches({}).sort("_id"))
    assert [mongo.decoded(one) for one in raw] == await mongo.all_of(database.things.find({}).sort("_id"))
    assert len(raw) == 20
    assert await mongo.raw_of(database.things.find_raw_batches({"_id": -1})) == []


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
    assert await compare_and_set(store.database.alerts, empty("a"), first)
    assert not await compare_and_set(store.database.alerts, empty("a"), {**first, "n": 2})
    assert await compare_and_set(store.database.alerts, first, {**first, "rev": 2, "n": 2})
    assert not await compare_and_set(store.database.alerts, first, {**first, "rev": 2, "n": 3})
    found = await store.database.alerts.find_one({"_id": "a"})
    assert found is not None
    assert (found["rev"], found["n"]) == (2, 2)


async def test_update_applies_every_rival_s_change_once(store: Store) -> None:
    """Twenty rivals count one document up: twenty; who changes nothing writes nothing."""

    async def count_up() -> None:
        await store.update("alerts", "a", lambda old: {**old, "n": old.get("n", 0) + 1})

    await asyncio.gather(*(count_up() for _ in range(20)))
    found = await store.update("alerts", "a", lambda old: old)
    assert (found["n"], found["rev"]) == (20, 20)
    unknown = await store.update("alerts", "b", lambda old: old)
    assert unknown == empty("b")
    assert await store.database.alerts.find_one({"_id": "b"}) is None


async def test_a_mark_set_meanwhile_is_not_taken_off(store: Store) -> None:
    """Read, a new verdict comes, mark taken off: the new verdict's mark stays."""
    seen = await store.update("obligations", "a", lambda old: {**old, "unpublished": 1})
    await store.update("obligations", "a", lambda old: {**old, "unpublished": 2})
    await store.take_off("obligations", seen, "unpublished")
    (waiting,) = await store.waiting("obligations", "unpublished")
    assert waiting["unpublished"] == 2
    await store.take_off("obligations", waiting, "unpublished")
    assert await store.waiting("obligations", "unpublished") == []


async def test_a_mark_taken_off_meanwhile_is_set_anew(store: Store) -> None:
    """A fold reads, the mark is taken off, the fold writes what changed: its own mark is there."""
    seen = await store.update("obligations", "a", lambda old: {**old, "unpublished": 1})
    await store.take_off("obligations", seen, "unpublished")
    folded = {**seen, "rev": seen["rev"] + 1, "unpublished": 2}
    assert await compare_and_set(store.database.obligations, seen, folded)
    assert [d["unpublished"] for d in await store.waiting("obligations", "unpublished")] == [2]


# judgements


def a_judgement(name: str, **fields: Any) -> Document:
    plain = {"period": "2024-11-18", "judge_at": JUDGE_AT, "state": judgements.OPEN, "rev": 1}
    return {"_id": name, **plain, "first_seen_at": None, "ends": None, "is_called_undetermined": False, **fields}


async def test_due_judgements(store: Store) -> None:
    """Open ones whose moment has come, the earliest first; planned again they stay as they are."""
    later = a_judgement("later", judge_at=JUDGE_AT + timedelta(hours=1))
    wanted = [later, a_judgement("now"), a_judgement("done", state=judgements.CLOSED)]
    await store.plan_judgements(wanted)
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT - timedelta(milliseconds=1))] == []
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT)] == ["now"]
    assert [d["_id"] for d in await store.due_judgements(JUDGE_AT + timedelta(days=1))] == ["now", "later"]
    await store.close_judgement("now", True)
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
    await store.close_judgement("j", True)
    await store.close_judgement("j", False)
    await store.close_judgement("k", False)
    assert {d["_id"]: d["is_noticed"] async for d in store.database.judgements.find()} == {"j": False, "k": True}


async def test_pending_again(store: Store) -> None:
    """Who became pending again and whose moment has come; and whether a judgement is closed."""
    waits, done = {"unjudged": 2, "judge_at": JUDGE_AT}, {"unjudged": 0, "judge_at": JUDGE_AT}
    documents = [{"_id": "waits", **waits}, {"_id": "judged", **done}, {"_id": "silent", "judge_at": JUDGE_AT}]
    await store.database.obligations.insert_many(documents)
    assert await store.pending_again(JUDGE_AT - timedelta(milliseconds=1)) == []
    assert [o["_id"] for o in await store.pending_again(JUDGE_AT)] == ["waits"]
    await store.plan_judgements([a_judgement("open"), a_judgement("done", state=judgements.CLOSED)])
    assert [await store.is_closed(name) for name in ("open", "done", "unknown")] == [False, True, False]


async def test_loops_find_their_work_by_index(store: Store) -> None:
    """What a loop asks for at each turn is found by an index, however many documents there are."""
    await store.ensure_indexes()
    asked: list[tuple[str, Document]] = [
        ("obligations", {"unsettled": {"$gte": 1}}),
        ("obligations", {"unpublished": {"$gte": 1}}),
        ("obligations", {"unjudged": {"$gte": 1}, "judge_at": {"$lte": JUDGE_AT}}),
        ("obligations", {"unread": {"$gte": 1}}),
        ("obligations", {"verdict": "missing", "period": {"$gte": "2024-11-18"}, "region": mongo.below("64")}),
        ("obligations", {"period": "2024-11-18", "judge_at": JUDGE_AT, "is_in_digest": True}),
        ("obligations", {"period": "2024-11-18", "region": {"$gte": "64.01", "$lte": "64.72"}}),
        ("excuses", {"until": {"$gte": "2024-11-18"}, "from": {"$lte": "2024-11-18"}}),
        ("excuses", {"unapplied": {"$gte": 1}}),
        ("alerts", {"unpublished": {"$gte": 1}}),
        ("alerts", {"to_notice.revision": {"$gte": 1}}),
        ("alerts", {"look_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC), "$lte": JUDGE_AT}}),
        ("deliveries", {"state": "held", "$or": [{"held_until": {"$lte": JUDGE_AT}}, {"held_by": {"$in": ["s"]}}]}),
        ("deliveries", {"alerts": {"$in": ["a"]}, "receiver": "hook"}),
        ("silences", {"over_at": {"$gt": JUDGE_AT}}),
        ("alerts", {"digest": {"$gt": ""}}),
        ("alerts", {"digest": "missing-report:2024-11-18:64"}),
        ("judgements", {"is_noticed": False}),
        ("judgements", {"state": "open", "judge_at": {"$lte": JUDGE_AT}}),
        ("judgements", {"state": "closed", "is_called_undetermined": True}),
    ]
    for collection, wanted in asked:
        plan = await store.database.command("explain", {"find": collection, "filter": wanted, "limit": 200})
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), (collection, wanted)


async def test_alerts_and_obligations_are_found(store: Store) -> None:
    """Alerts that were raised, by id and page by page; obligations by id, and the verdicts of some regions."""
    raised = {"state": "firing"}
    await store.database.alerts.insert_many(
        [
            {"_id": "b", "region": "64.72", **raised},
            {"_id": "a", "region": "64.02", **raised},
            {"_id": "c", "region": "64.72", **raised},
            {"_id": "d", "region": "64.72"},
        ]
    )
    assert [a["_id"] for a in await store.alerts({}, None, 9)] == ["a", "b", "c"]
    assert [a["_id"] for a in await store.alerts({"region": mongo.below("64.72")}, "b", 1)] == ["c"]
    assert await store.alert("d") is None
    assert (await store.alert("a") or {})["region"] == "64.02"
    verdicts = ("on_time", "pending", "undetermined", "missing")
    await store.database.obligations.insert_many(
        [
            {"_id": f"o{n}", "period": "2024-11-18", "region": f"64.0{n}", "verdict": verdict, "verdicts": []}
            for n, verdict in enumerate(verdicts)
        ]
    )
    assert set(await store.obligations(["o0", "o2", "o9"])) == {"o0", "o2"}
    between = {"64.01": "pending", "64.02": "undetermined"}
    assert await store.verdicts_between("2024-11-18", "64.01", "64.02") == between
    assert await store.verdicts_between("2024-11-25", "64.01", "64.02") == {}
    assert await store.verdicts_below("2024-11-18", "64") == {"64.00": "on_time", "64.03": "missing", **between}
