"""`POST /v1/reports`, `POST /v1/incidents`.

The order of the checks is a promise to clients: 401, 415, 413, 422, 403, 409, 503. Receipt is stamped after the last
byte has come in: from `received_at` to the log only the publish deadline may pass, or a slow upload that began
before a deadline could be accepted after the region was judged as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from ulid import ULID

from services.intake.accepting import Accepted, Acceptor
from services.intake.checks import Receipt
from services.intake.openapi import INCIDENT_EXAMPLES, REPORT_EXAMPLES, error_answers, request_body
from services.intake.raw_body import read_raw
from services.intake.submissions import Body, IncidentBody, ReportBody, WrongFields, read
from shared.access.keys import Grant, Kind
from shared.access.store import AccessStore
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.http.auth import grant_of
from shared.http.problems import Problem, invalid
from shared.metrics import Metrics
from shared.topics import INCIDENTS, REPORTS, Topic


@dataclass(frozen=True)
class Submission:
    """What differs from one kind of submission to the next."""

    kind: Kind
    topic: Topic
    body: type[Body]


REPORT = Submission(Kind.REPORTS, REPORTS, ReportBody)
INCIDENT = Submission(Kind.INCIDENTS, INCIDENTS, IncidentBody)


class Options(BaseModel):
    """Query parameters. A misspelled one is refused: `?dryrun=1` must not publish."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="check everything, publish nothing")


@dataclass(frozen=True)
class Door:
    """The live parts that a submission passes."""

    access: AccessStore
    calendar: Calendar
    clock: Clock
    acceptor: Acceptor
    metrics: Metrics
    body_limit_bytes: int

    async def take(self, request: Request, submission: Submission, is_dry_run: bool) -> Accepted:
        """Take one submission or refuse it. Raises Problem."""
        try:
            accepted = await self._take(request, submission, is_dry_run)
        except Problem as problem:
            self.metrics.refused.labels(submission.kind.value, str(problem.status)).inc()
            raise
        if not is_dry_run:
            self.metrics.accepted.labels(submission.kind.value, str(accepted.duplicate).lower()).inc()
        return accepted

    async def _take(self, request: Request, submission: Submission, is_dry_run: bool) -> Accepted:
        grant = await grant_of(request, self.access)
        raw = await read_raw(request, self.body_limit_bytes)
        receipt = Receipt(self.calendar, self.clock.now(), _header_id(request))
        try:
            body = read(submission.body, raw, receipt)
        except WrongFields as error:
            raise invalid(error.errors) from None
        agency = _agency_that_may_send(grant, submission.kind, body.region)
        event_id = body.id or receipt.header_id or str(ULID.from_datetime(receipt.received_at))
        event = body.to_event(agency, event_id, receipt)
        return await self.acceptor.accept(event, submission.topic, is_dry_run)


def _header_id(request: Request) -> str | None:
    """The header Idempotency-Key, with or without the quotes that its draft standard wants."""
    sent = request.headers.get("idempotency-key")
    return None if sent is None else sent.removeprefix('"').removesuffix('"')


def _agency_that_may_send(grant: Grant, kind: Kind, region: str) -> str:
    """The agency behind a key that may send this. Raises Problem 403; a person's key belongs to no agency."""
    if grant.agency is None or not grant.may_send(kind, region):
        raise Problem(403, "forbidden", "forbidden_send", name=grant.name, kind=kind.value, region=region)
    return grant.agency


def _documented(body_type: type[Body], examples: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status_code": 202,
        "tags": ["submissions"],
        "responses": error_answers(),
        "openapi_extra": request_body(body_type, examples),
    }


def routes(door: Door) -> APIRouter:
    """The routes of submissions."""
    # For the documents only: the door itself reads the key, so that its problems are ours.
    router = APIRouter(prefix="/v1", dependencies=[Security(HTTPBearer(auto_error=False, description="your key"))])

    @router.post("/reports", **_documented(ReportBody, REPORT_EXAMPLES))
    async def post_report(request: Request, options: Annotated[Options, Query()]) -> Accepted:
        """Send a region's weekly report. 202 means stored; the same id again is harmless."""
        return await door.take(request, REPORT, options.dry_run)

    @router.post("/incidents", **_documented(IncidentBody, INCIDENT_EXAMPLES))
    async def post_incident(request: Request, options: Annotated[Options, Query()]) -> Accepted:
        """Send an incident: a violation or anything else worth knowing, of a region of any level."""
        return await door.take(request, INCIDENT, options.dry_run)

    return router
