"""What the running system shows of the fortnight: asked of its APIs, nothing remembered from what was hoped for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from desk.demo.client import Answer, Client, Json
from desk.demo.receiver import Receiver
from desk.demo.scenario import Expect, Scenario

PROVINCE = "64"


@dataclass(frozen=True)
class Seen:
    """`accepted`, `refused`: ids, as intake answered. `repeated`: ids accepted twice that the aggregator shows as
    duplicates. `counted`: ids of those sent that the aggregator counts. `incidents`: id and category. `told`:
    receiver, alert and change of what reached the receivers.
    """

    accepted: frozenset[str]
    repeated: frozenset[str]
    refused: frozenset[str]
    counted: frozenset[str]
    alerts: tuple[Json, ...]
    verdicts: Mapping[date, Mapping[str, str]]
    incidents: tuple[tuple[str, str], ...]
    totals: Mapping[str, int]
    told: frozenset[tuple[str, str, str]]
    bad_signatures: int
    repeated_notices: int
    notifier_restarts: int


Answers = list[tuple[Expect, str, Answer]]


async def look(
    client: Client,
    scenario: Scenario,
    periods: Iterable[date],
    answers: Answers,
    receiver: Receiver,
    notifier_restarts: int,
) -> Seen:
    """Ask everything once. Raises ServiceAway, ValueError."""
    incidents = await client.items("aggregator", "/v1/incidents")
    return Seen(
        accepted=frozenset(i for expect, i, a in answers if expect is not Expect.REPEATED and a.status == 202),
        repeated=await _duplicates(client, (i for e, i, a in answers if e is Expect.REPEATED and a.status == 202)),
        refused=frozenset(i for _, i, a in answers if a.status == 422),
        counted=await counted(client, {step.id for step in scenario.steps}),
        alerts=tuple(await client.items("notifier", "/v1/alerts")),
        verdicts={period: await verdicts(client, period.isoformat()) for period in periods},
        incidents=tuple(sorted((i["id"], i["category"]) for i in incidents)),
        totals=_totals(await client.get("aggregator", f"/v1/regions/{PROVINCE}") or {}),
        told=frozenset(receiver.told),
        bad_signatures=receiver.bad_signatures,
        repeated_notices=receiver.repeats,
        notifier_restarts=notifier_restarts,
    )


async def counted(client: Client, ids: Iterable[str]) -> frozenset[str]:
    """Which of our events are in their region's state. Raises ServiceAway."""
    return frozenset([i for i in sorted(ids) if ((await client.event(i)) or {}).get("counted") is True])


async def _duplicates(client: Client, ids: Iterable[str]) -> frozenset[str]:
    """Which of our events came twice. (Intake's own mark is given where it knows; the aggregator always does.)"""
    return frozenset([i for i in ids if ((await client.event(i)) or {}).get("status") == "duplicate"])


async def verdicts(client: Client, period: str) -> dict[str, str]:
    """The verdict on each region that owes a report for the period (a date). Raises ServiceAway."""
    rows = await client.items("aggregator", f"/v1/periods/{period}")
    return {row["region"]: row["verdict"] for row in rows}


def _totals(province: Json) -> dict[str, int]:
    total = province.get("total", {})
    return {
        "reports": total.get("reports", {}).get("count", 0),
        "incidents": total.get("incidents", {}).get("count", 0),
        "violations": total.get("violations", 0),
        "quiet_period_violations": total.get("quiet_period_violations", 0),
    }
