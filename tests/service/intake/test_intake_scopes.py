"""The matrix of scopes: what a key may send for which region, by each way there is, over the real app."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from services.intake.accepting.places import Places
from shared.access.keys import Grant

if TYPE_CHECKING:
    from shared.election.calendar import Calendar
    from tests.service.intake.conftest import Intake

# A key's kinds, and which calls they open: own and other are an agency's own incident's status, and another one's.
KINDS = """
kinds                                  report  withdrawal  incident  status-own  status-other  logistics
reports                                202     202         403       403         403           403
incidents                              403     403         202       202         403           403
statuses                               403     403         403       403         202           403
logistics                              403     403         403       403         403           202
reports+incidents                      202     202         202       202         403           403
incidents+statuses                     403     403         202       202         202           403
reports+incidents+statuses+logistics   202     202         202       202         202           202
"""

# A key's subtrees, and which regions they reach.
REGIONS = """
subtrees        64    64.72  64.72.01  64.72.01.1001  64.71
*               202   202    202       202            202
64              202   202    202       202            202
64.72           403   202    202       202            403
64.72.01        403   403    202       202            403
64.72.01.1001   403   403    403       202            403
64.71           403   403    403       403            202
64.02+64.72     403   202    202       202            403
64.72+64.72.01  403   202    202       202            403
"""

Table = dict[str, dict[str, int]]
Submission = tuple[str, str]  # call, region


def table(text: str) -> Table:
    (_, *columns), *rows = (line.split() for line in text.strip().splitlines())
    return {key: dict(zip(columns, map(int, cells), strict=True)) for key, *cells in rows}


ALL_KINDS, ALL_REGIONS = table(KINDS), table(REGIONS)
SUBMISSIONS: list[Submission] = list(itertools.product(ALL_KINDS["reports"], ALL_REGIONS["*"]))

BODIES: dict[str, dict[str, Any]] = {
    "report": {"condition": "normal", "summary": "Aman."},
    "withdrawal": {"reason": "Salah wilayah.", "period": "2024-11-18"},
    "incident": {"category": "other", "occurred_at": "2024-11-18T08:00:00+08:00", "description": "Banjir."},
    "status-own": {"status": "verified"},
    "status-other": {"status": "verified"},
    "logistics": {"item": "ballots", "required": 2, "received": 1, "as_of": "2024-11-18T08:00:00+08:00"},
}
PATHS = {
    "report": "/v1/reports",
    "withdrawal": "/v1/reports/never-seen/withdraw",
    "incident": "/v1/incidents",
    "status-own": "/v1/incidents/kpu/i1/status",
    "status-other": "/v1/incidents/bawaslu/i1/status",
    "logistics": "/v1/logistics",
}
# What a single call has in its path, a line of a batch has among its fields.
LINES: dict[str, dict[str, Any]] = {
    "report": {"kind": "report"},
    "withdrawal": {"kind": "withdrawal", "report": "never-seen"},
    "incident": {"kind": "incident"},
    "status-own": {"kind": "incident_status", "incident_agency": "kpu", "incident_id": "i1"},
    "status-other": {"kind": "incident_status", "incident_agency": "bawaslu", "incident_id": "i1"},
    "logistics": {"kind": "logistics"},
}


def body(call: str, region: str) -> dict[str, Any]:
    return {"id": f"{call}-{region}", "region": region, **BODIES[call]}


async def one_by_one(intake: Intake, key: str) -> list[int]:
    return [(await intake.post(PATHS[call], body(call, region), key)).status for call, region in SUBMISSIONS]


async def in_a_batch(intake: Intake, key: str) -> list[int]:
    lines = [json.dumps({**body(call, region), **LINES[call]}).encode() + b"\n" for call, region in SUBMISSIONS]
    answer = await intake.post("/v1/batch", b"".join(lines), key, {"content-type": "application/x-ndjson"})
    assert answer.status == 200
    return [json.loads(line)["status"] for line in answer.raw.splitlines()]


@pytest.fixture(scope="module")
def fresh(calendar: Calendar) -> Callable[[], Intake]:
    """With room for what an agency may have under way at once, as a real one has."""
    from tests.service.intake.conftest import Intake

    return lambda: Intake(calendar, places=Places())


@pytest.mark.parametrize("send", [one_by_one, in_a_batch])
@pytest.mark.parametrize("kinds", ALL_KINDS)
async def test_matrix_of_scopes(
    fresh: Callable[[], Intake], kinds: str, send: Callable[[Intake, str], Awaitable[list[int]]]
) -> None:
    """Every kind of key for every subtree, with every call for every region: 202 where both tables say so, else 403;
    and nothing but what was answered 202 is published."""
    intake = fresh()
    for subtrees in ALL_REGIONS:
        intake.keys.give(subtrees, Grant("kpu", "kpu", frozenset(kinds.split("+")), tuple(subtrees.split("+"))))
        intake.kafka.records.clear()
        answered = dict(zip(SUBMISSIONS, await send(intake, subtrees), strict=True))
        expected = {
            (call, region): max(ALL_KINDS[kinds][call], ALL_REGIONS[subtrees][region]) for call, region in SUBMISSIONS
        }
        assert answered == expected, subtrees
        published = sorted(event.subject for event in intake.kafka.events())
        assert published == sorted(region for (_, region), status in expected.items() if status == 202)
