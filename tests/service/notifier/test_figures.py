"""What Prometheus is told of the notifier's database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_store import DELIVERIES
from services.notifier.figures.figures import Figures
from services.notifier.figures.figures_store import FiguresStore
from services.notifier.store import Store
from services.notifier.verdicts import judgements, obligations
from shared.election.calendar import Calendar
from shared.metrics import Metrics
from tests.builders import MONDAY, utc

NOW = utc("2024-11-18T18:05:00Z")
JUDGE_AT = utc("2024-11-18T18:00:00Z")


async def figures(store: Store, calendar: Calendar, now: datetime = NOW) -> Metrics:
    """What a notifier that has just started says."""

    async def at() -> datetime:
        return now

    metrics = Metrics("notifier")
    assert not await Figures(FiguresStore(store.database), calendar, at, metrics).step()
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"desk_{name}", labels)


@pytest.mark.parametrize(
    ("judgement", "withdrawn", "expected"),
    [
        ({"state": judgements.OPEN, "judge_at": JUDGE_AT}, None, 300),
        ({"state": judgements.CLOSED, "judge_at": JUDGE_AT}, None, 0),
        ({"state": judgements.OPEN, "judge_at": NOW + timedelta(seconds=1)}, None, 0),
        (
            {"state": judgements.CLOSED, "judge_at": JUDGE_AT},
            {"unjudged": 2, "judge_at": NOW - timedelta(60)},
            5184000,
        ),
        ({"state": judgements.CLOSED, "judge_at": JUDGE_AT}, {"unjudged": 0, "judge_at": NOW - timedelta(60)}, 0),
    ],
)
async def test_the_oldest_open_obligation(
    store: Store, calendar: Calendar, judgement: dict[str, Any], withdrawn: dict[str, Any] | None, expected: float
) -> None:
    """How long the earliest judgement that is due waits, also that of a report that was withdrawn; 0 if none does."""
    await store.database[judgements.COLLECTION].insert_one({"_id": "j", **judgement})
    if withdrawn:
        await store.database[obligations.COLLECTION].insert_one({"_id": "o", "period": "2024-11-18", **withdrawn})
    assert value(await figures(store, calendar), "oldest_open_obligation_seconds") == expected


async def test_what_waits_and_what_is_in_force(store: Store, calendar: Calendar) -> None:
    """Each state is there, also with nothing in it; every replica says the same."""
    states = ["pending", "held", "held", "dead", "delivered"]
    await store.database[DELIVERIES].insert_many([{"_id": f"{n}", "state": s} for n, s in enumerate(states)])
    found = ["firing", "firing", "acknowledged", "resolved"]
    await store.database[alerts.COLLECTION].insert_many(
        [{"_id": f"outage:{n}", "rule": "outage", "state": s} for n, s in enumerate(found)]
    )
    for metrics in [await figures(store, calendar), await figures(store, calendar)]:
        waiting = {s: value(metrics, "deliveries_waiting", state=s) for s in ("pending", "held", "dead")}
        assert waiting == {"pending": 1, "held": 2, "dead": 1}
        assert value(metrics, "alerts_in_force", rule="outage", state="firing") == 2
        assert value(metrics, "alerts_in_force", rule="outage", state="acknowledged") == 1
        assert value(metrics, "alerts_in_force", rule="outage", state="resolved") is None
        assert value(metrics, "alerts_in_force", rule="missing-report", state="firing") == 0


async def test_how_many_have_filed(store: Store, calendar: Calendar) -> None:
    """Of the latest period only, and what counts only: on time or late."""
    verdicts = ["on_time", "late", "missing", "excused", "pending"]
    filed = [
        {"_id": f"{n}", "period": str(MONDAY), "region": f"64.0{n}", "verdict": v} for n, v in enumerate(verdicts)
    ]
    other = {"_id": "other", "period": "2024-11-11", "region": "64.72", "verdict": "on_time"}
    await store.database[obligations.COLLECTION].insert_many([*filed, other])
    metrics = await figures(store, calendar)
    assert (value(metrics, "reports_owed"), value(metrics, "reports_filed")) == (3, 2)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-11-17T15:59:59Z", 0),
        ("2024-11-17T16:00:00Z", 0),  # midnight in Samarinda
        ("2024-11-17T16:00:01Z", 1),
        ("2024-11-18T04:00:00Z", 12 * 3600),  # noon
        ("2024-11-18T15:59:59Z", 86399),
        ("2024-11-18T16:00:00Z", 0),
        ("2024-11-25T04:00:00Z", 0),  # a Monday for which nobody owes a report
    ],
)
async def test_how_long_the_day_of_reports_has_lasted(
    store: Store, calendar: Calendar, now: str, expected: float
) -> None:
    """In the election's zone, on the days of its periods alone."""
    assert value(await figures(store, calendar, utc(now)), "report_day_seconds") == expected
