"""A call without query parameters goes another way than the documented route, and is answered the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.intake.plain_calls import PlainCall
from tests.service.intake.test_intake_answers import INCIDENT, REPORT

if TYPE_CHECKING:
    from tests.service.intake.conftest import Intake

LOGISTICS = {
    "id": "l1",
    "region": "64.72",
    "item": "ballot_boxes",
    "required": 10,
    "received": 4,
    "as_of": "2024-11-18T08:00:00+08:00",
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/reports": REPORT,
    "/v1/incidents": INCIDENT,
    "/v1/logistics": LOGISTICS,
}


def test_all_of_them_are_compared(intake: Intake) -> None:
    found = {route.path for route in intake.app.routes if isinstance(route, PlainCall)}
    assert found == set(BODIES)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("key", "change", "status"),
    [
        pytest.param("everything", {}, 202, id="taken"),
        pytest.param("samarinda", {"region": "64.74"}, 403, id="of another region"),
        pytest.param("everything", {"region": "99"}, 422, id="of an unknown region"),
        pytest.param("everything", {"period": 7, "more": 1}, 422, id="with wrong fields"),
        pytest.param("nobody", {}, 401, id="by nobody we know"),
    ],
)
async def test_both_ways_answer_the_same(
    intake: Intake, path: str, key: str, change: dict[str, Any], status: int
) -> None:
    """Status, body and every header; an id of its own each, so that neither is a repeat of the other."""
    plain = await intake.post(path, {**BODIES[path], **change, "id": "a"}, key=key)
    documented = await intake.post(f"{path}?dry_run=0", {**BODIES[path], **change, "id": "b"}, key=key)
    assert plain.status == status, plain.body
    said = {**plain.body, "id": "b"} if status == 202 else plain.body
    assert (documented.status, documented.body) == (status, said)
    assert _headers(plain) == _headers(documented)
    assert len(intake.kafka.records) == (2 if status == 202 else 0)


def _headers(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}
