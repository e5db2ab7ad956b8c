"""Twenty thousand villages are judged a portion a turn; messages about them are short, and their counts true."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import orjson
import pytest

from benchmarks import nation
from services.notifier.notices import naming, notices
from services.notifier.verdicts import obligations, roll_call
from services.notifier.verdicts.filing import RECEIVED_IN_TIME, Finding
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.owing import Deadline
from shared.election.roster import Roster
from shared.events.verdict import Verdict
from tests.builders import MONDAY, a_report, utc
from tests.service.notifier.conftest import Bench, Crash, dying, receivers_of, until_idle

VILLAGES, REPORTED_EVERY, DISTRICTS = 20_000, 4, 514
IN_TIME = utc("2024-11-18T03:00Z")
ON_TIME = Finding(Verdict.ON_TIME, RECEIVED_IN_TIME)


@pytest.fixture(scope="module")
def villages() -> Calendar:
    return Calendar(nation.election(Level.VILLAGE), Roster(nation.regions(DISTRICTS, VILLAGES)))


async def report(bench: Bench, reporting: Mapping[str, Deadline]) -> None:
    """Each of these villages reports in time."""
    codes = list(reporting)
    for first in range(0, len(codes), 1000):
        changes = {
            obligations.obligation_id(MONDAY, code): partial(
                obligations.filed, report=a_report(IN_TIME, region=code), deadline=reporting[code], finding=ON_TIME
            )
            for code in codes[first : first + 1000]
        }
        await bench.store.update_all(obligations.COLLECTION, changes)


async def test_judged_in_portions_whoever_dies(
    bench: Bench, villages: Calendar, notifier_client: mongo.Client
) -> None:
    """Who has reported is passed over, who is silent is missing once; a judge that died half-way is no matter; nobody
    is written twice; each province has one message, with the first names, a bounded list and all of them counted."""
    nationwide = Bench(bench.store, villages, notifier_client)
    owing = villages.owing(MONDAY)
    nationwide.clock.fixed = max(deadline.judge_at for deadline in owing.deadlines())
    await report(nationwide, {code: d for n, (code, d) in enumerate(owing.items()) if n % REPORTED_EVERY == 0})
    await nationwide.judge().plan()
    await bench.store.database.judgements.delete_many({"period": {"$ne": MONDAY.isoformat()}})

    dead = nationwide.judge(dying(bench.store, "update_all", 3))
    with pytest.raises(Crash):
        await until_idle(dead.step)
    written = await bench.store.database.obligations.count_documents({"verdict": "missing"})
    assert 0 < written <= 3 * roll_call.PORTION
    await until_idle(nationwide.judge().step)

    counted = bench.store.database.obligations.count_documents
    assert await counted({"verdict": "on_time"}) == VILLAGES // REPORTED_EVERY
    assert await counted({"verdict": "missing"}) == VILLAGES - VILLAGES // REPORTED_EVERY
    assert await counted({"verdicts.1": {"$exists": True}}) == 0
    await until_idle(nationwide.planning(receivers_of({"name": "a"})).step)
    digests = [d["payload"]["data"] for d in await nationwide.deliveries()]
    assert len(digests) == len({code[:2] for code in owing})
    assert sum(d["counts"]["owed"] for d in digests) == VILLAGES
    assert sum(d["counts"]["missing"] for d in digests) == VILLAGES - VILLAGES // REPORTED_EVERY
    largest = max(digests, key=lambda d: d["counts"]["missing"])
    others = largest["counts"]["missing"] - naming.MOST_NAMED
    assert largest["text"]["en"].endswith(f" and {others} others.")
    assert len(largest["alerts"]) == notices.MOST_ALERTS
    assert max(len(orjson.dumps(d)) for d in digests) < 200_000
