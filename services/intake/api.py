"""The single calls: `POST /v1/reports`, `/v1/incidents`, `/v1/logistics`, withdrawals and incident status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from services.intake.accepting import Accepted
from services.intake.door import Door
from services.intake.openapi import error_answers, request_body
from services.intake.raw_body import read_raw
from services.intake.submissions.body import Body, WrongFields, read
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.incident_status import IncidentStatusBody
from services.intake.submissions.logistics import LogisticsBody
from services.intake.submissions.report import ReportBody
from services.intake.submissions.withdrawal import WithdrawalBody
from shared.http.auth import grant_of
from shared.http.problems import invalid


class Options(BaseModel):
    """Query parameters. A misspelled one is refused: `?dryrun=1` must not publish."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="check everything, publish nothing")


AnyOptions = Annotated[Options, Query()]


async def _take(
    door: Door, request: Request, body_type: type[Body], options: Options, path: Mapping[str, str] | None = None
) -> Accepted:
    """Take one submission or refuse it. Raises Problem."""
    with door.counting_refusals(body_type.called):
        grant = await grant_of(request, door.access)
        raw = await read_raw(request, door.body_limit_bytes)
        receipt = door.receipt(header_id(request))
        try:
            body = read(body_type, raw, receipt, path)
        except WrongFields as error:
            raise invalid(error.errors) from None
        return await door.take(grant, body, receipt, options.dry_run)


def header_id(request: Request) -> str | None:
    """The header Idempotency-Key, with or without the quotes that its draft standard wants."""
    sent = request.headers.get("idempotency-key")
    return None if sent is None else sent.removeprefix('"').removesuffix('"')


def _documented(body_type: type[Body]) -> dict[str, Any]:
    return {
        "status_code": 202,
        "tags": ["submissions"],
        "responses": error_answers(),
        "openapi_extra": request_body(body_type),
    }


def routes(door: Door) -> APIRouter:
    """The routes of single submissions."""
    # For the documents only: the door itself reads the key, so that its problems are ours.
    router = APIRouter(prefix="/v1", dependencies=[Security(HTTPBearer(auto_error=False, description="your key"))])

    @router.post("/reports", **_documented(ReportBody))
    async def post_report(request: Request, options: AnyOptions) -> Accepted:
        """Send a region's weekly report. 202 means stored; the same id again is harmless."""
        return await _take(door, request, ReportBody, options)

    @router.post("/reports/{id}/withdraw", **_documented(WithdrawalBody))
    async def withdraw_report(request: Request, options: AnyOptions, id: str) -> Accepted:  # noqa: A002 - the path's name
        """Withdraw a report of yours: it stays in the history and no longer counts."""
        return await _take(door, request, WithdrawalBody, options, {"report": id})

    @router.post("/incidents", **_documented(IncidentBody))
    async def post_incident(request: Request, options: AnyOptions) -> Accepted:
        """Send an incident: a violation or anything else worth knowing, of a region of any level."""
        return await _take(door, request, IncidentBody, options)

    @router.post("/incidents/{agency}/{id}/status", **_documented(IncidentStatusBody))
    async def post_incident_status(request: Request, options: AnyOptions, agency: str, id: str) -> Accepted:  # noqa: A002
        """Say how far an incident has come. One that nobody knows yet, or of another region, is kept and shown as an
        orphan."""
        return await _take(door, request, IncidentStatusBody, options, {"incident_agency": agency, "incident_id": id})

    @router.post("/logistics", **_documented(LogisticsBody))
    async def post_logistics(request: Request, options: AnyOptions) -> Accepted:
        """Say how much of an item a region has received so far. The latest `as_of` holds."""
        return await _take(door, request, LogisticsBody, options)

    return router
