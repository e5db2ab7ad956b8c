"""schemathesis over intake's OpenAPI document, all phases."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import schemathesis

from services.intake.batch.openapi import CSV, NDJSON
from shared.access.keys import Grant, Kind, Role
from tests.openapi_run import PHASES, run
from tests.service.intake.hostile_bodies import NOW
from tests.service.intake.real_intake import real_intake

if TYPE_CHECKING:
    from tests.service.intake.conftest import Intake

ADMIN, AGENCY = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("admin", "agency"))
# Wrong fields that a schema cannot say.
EXCUSED = {
    "region_unknown": "the roster has a thousand codes",
    "id_twice": "a schema does not compare the header with the body",
    "id_dots": "a schema says which signs, not that one of them is no dot",
    "occurred_future": "a schema knows no clock",
    "period_weekday": "nor a calendar",
    "period_future": "nor which Monday comes next",
    "time_far_off": "a date's years; a time's year in UTC",
    "time_syntax": "the days of a month",
    "replaces_itself": "a schema does not compare fields",
    "meant_no_report": "nor does it know what was sent before",
    "meant_other_region": "nor where",
    "meant_other_period": "nor for which Monday",
    "correction_other_period": "nor for which Monday",
    "withdrawal_period": "nor that it was not",
    "correction_period": "nor that it was not",
    "csv_no_header": "no schema says what CSV is",
    "csv_unknown_column": "nor which columns belong to a kind",
    "csv_missing_column": "nor which it needs",
    "type_whole": "a schema takes 180.0 for whole",
    "expires_past": "nor does it here",
    "cursor": "a cursor is opaque",
    "text_blank": "of what is to be seen, a pattern tells the blanks only",
}


@schemathesis.serializer(CSV, *NDJSON)
def _as_it_is(_context: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def test_submissions(intake: Intake) -> None:
    """No 5xx, no status, header or content type that is not documented, every document as its schema says, nothing
    wrong accepted; what is valid is refused for reasons alone that a schema cannot say."""
    intake.clock.set(NOW)
    done = run(intake.app, "everything", EXCUSED, lambda schema: schema.include(tag="submissions"))
    assert not done.wrong, "\n\n".join(done.wrong)
    assert done.phases.keys() >= PHASES
    assert {done.phases[phase] for phase in PHASES} <= {"success", "failure"}  # what is excused counts as a failure
    assert {202, 401, 405, 415, 422} <= done.statuses.keys()
    assert sum(done.statuses.values()) > 500
    assert len(done.accepted) == 5
    assert min(done.accepted.values()) > 0


@pytest.fixture(scope="module")
def address(broker_address: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an intake process on a real database, which administration needs."""
    keys = {ADMIN: Grant(ADMIN, role=Role.ADMIN), AGENCY: Grant(AGENCY, AGENCY, frozenset(Kind), ("*",))}
    with real_intake(broker_address, mongo_url, keys, tmp_path_factory.mktemp("intake")) as intake:
        yield f"http://127.0.0.1:{intake.port}"


def test_administration_and_health(address: str) -> None:
    """The same of all that is neither a submission nor a batch."""
    done = run(address, ADMIN, EXCUSED, lambda schema: schema.exclude(path_regex="^/v1/(?!admin)"), examples=4)
    assert not done.wrong, "\n\n".join(done.wrong)
    assert {200, 201, 401, 404, 409, 422} <= done.statuses.keys()


def test_batches(address: str) -> None:
    """The same of batches and of the files to fill in."""
    done = run(address, AGENCY, EXCUSED, lambda schema: schema.include(tag="batches"), examples=4)
    assert not done.wrong, "\n\n".join(done.wrong)
    assert {200, 401, 415, 422} <= done.statuses.keys()
