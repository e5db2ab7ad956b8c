"""The single calls: `POST /v1/reports`, `/v1/incidents`, `/v1/logistics`, withdrawals and incident status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.intake.accepting.offers import Accepted
from services.intake.door.door import Door, logging_refusals
from services.intake.openapi import AgencyInPath, IncidentInPath, ReportInPath, documented
from services.intake.submissions.body import Body, WrongFields, read
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.incident_status import IncidentStatusBody
from services.intake.submissions.logistics import LogisticsBody
from services.intake.submissions.report import ReportBody
from services.intake.submissions.withdrawal import WithdrawalBody
from shared.access.keys import Grant
from shared.http.openapi import NEEDS_KEY
from shared.http.parameters import require_once_each
from shared.http.problems import invalid
from shared.tracing import spans
from shared.tracing.spans import Kind


class Options(BaseModel):
    """Query parameters. A misspelled one is refused: `?dryrun=1` must not publish."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="check everything, publish nothing")


AnyOptions = Annotated[Options, Query()]


async def take(
    door: Door, request: Request, body_type: type[Body], options: Options, path: Mapping[str, str] | None = None
) -> Accepted:
    """Take one submission or refuse it. Raises Problem."""
    with door.counting_refusals(body_type.called) as sender:
        require_once_each(request)
        grant = await door.let_in(request, sender)
        with logging_refusals(grant, body_type.called):
            return await _take_from(grant, door, request, body_type, options, path)


async def _take_from(
    grant: Grant, door: Door, request: Request, body_type: type[Body], options: Options, path: Mapping[str, str] | None
) -> Accepted:
    raw = await door.body_of(request, grant)
    receipt = door.receipt(header_id(request))
    try:
        body = read(body_type, raw, receipt, path)
    except WrongFields as error:
        raise invalid(error.errors) from None
    with spans.span(f"{body.topic.name} publish", Kind.PRODUCER) as span:
        taken = await door.take(grant, body, receipt, options.dry_run)
        span.note({"desk.event": f"{grant.agency}/{taken.id}", "desk.duplicate": taken.duplicate})
        return taken


def header_id(request: Request) -> str | None:
    """The header Idempotency-Key, with or without the quotes that its draft standard wants. Two of them make one that
    is no id."""
    sent = request.headers.getlist("idempotency-key")
    return ", ".join(sent).removeprefix('"').removesuffix('"') if sent else None


def routes(door: Door) -> APIRouter:
    """The routes of single submissions."""
    election = door.calendar.election
    router = APIRouter(prefix="/v1", dependencies=[NEEDS_KEY])

    @router.post("/reports", **documented(ReportBody, election))
    async def post_report(request: Request, options: AnyOptions) -> Accepted:
        """Send a region's weekly report. 202 means stored; the same id again is harmless."""
        return await take(door, request, ReportBody, options)

    @router.post("/reports/{report}/withdraw", **documented(WithdrawalBody, election))
    async def withdraw_report(request: Request, options: AnyOptions, report: ReportInPath) -> Accepted:
        """Withdraw a report of yours: it stays in the history and no longer counts."""
        return await take(door, request, WithdrawalBody, options, {"report": report})

    @router.post("/incidents", **documented(IncidentBody, election))
    async def post_incident(request: Request, options: AnyOptions) -> Accepted:
        """Send an incident: a violation or anything else worth knowing, of a region of any level."""
        return await take(door, request, IncidentBody, options)

    @router.post("/incidents/{incident_agency}/{incident_id}/status", **documented(IncidentStatusBody, election))
    async def post_incident_status(
        request: Request, options: AnyOptions, incident_agency: AgencyInPath, incident_id: IncidentInPath
    ) -> Accepted:
        """Say how far an incident has come. One that nobody knows yet, or of another region, is kept and shown as an
        orphan."""
        path = {"incident_agency": incident_agency, "incident_id": incident_id}
        return await take(door, request, IncidentStatusBody, options, path)

    @router.post("/logistics", **documented(LogisticsBody, election))
    async def post_logistics(request: Request, options: AnyOptions) -> Accepted:
        """Say how much of an item a region has received so far. The latest `as_of` holds."""
        return await take(door, request, LogisticsBody, options)

    return router
