"""The notifier's HTTP side of what people do with an alert: somebody takes it on. For people's keys with the role
`operator`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.notifier import causes
from services.notifier.alerts import alerts
from services.notifier.store import Store
from shared.access.keys import Role
from shared.access.store import AccessStore
from shared.events.alert import AlertState, alert_json
from shared.events.envelope import Frozen
from shared.http.auth import caller, for_people
from shared.http.json_body import read_json_if_any, taking
from shared.http.openapi import NEEDS_KEY, Sample, problem_answer, reading_errors
from shared.http.problems import Problem
from shared.http.service import json_response
from shared.instants import kept
from shared.logs import get_logger
from shared.mongo import Document
from shared.strict import LongText
from shared.tracing.places import here

log = get_logger(__name__)


class Acknowledge(Frozen):
    note: LongText | None = Field(None, description="what is being done about it, for the others")


def _is_resolved(alert_id: str, resolution: str) -> Problem:
    return Problem(409, "alert_resolved", "alert_resolved_detail", what=alert_id, resolution=resolution)


_RESOLVED: dict[int | str, dict[str, Any]] = {
    409: problem_answer("it is resolved", [Sample("alert_resolved", _is_resolved("x", "reported_late"))])
}
_EXAMPLES = {"taken_on": {"summary": "Somebody is on it", "value": {"note": "Bawaslu kota sudah di lokasi."}}}


def routes(store: Store, access: AccessStore, now: Callable[[], Awaitable[datetime]]) -> APIRouter:
    """`now` is the election's time by the database's clock."""

    operator = for_people(access, Role.OPERATOR, is_fresh=True)

    router = APIRouter(prefix="/v1", dependencies=[NEEDS_KEY, operator], responses=reading_errors())

    @router.post(
        "/alerts/{alert_id}/acknowledge",
        tags=["alerts"],
        **taking(Acknowledge, _EXAMPLES, _RESOLVED, is_required=False),
    )
    async def acknowledge(request: Request, alert_id: str) -> Response:
        """Take it on: nobody is reminded of it and it is escalated no further, until it fires again. The first one
        who does so is on record; a second time changes nothing."""
        body, by = await read_json_if_any(request, Acknowledge), caller(request)
        if await store.alert(alert_id) is None:
            raise Problem(404, "not_found", "not_found_detail", what=alert_id)
        at = kept(await now())

        def change(alert: Document) -> Document:
            return causes.marked(alert, alerts.acknowledged(alert, at=at, by=by, note=body.note or ""), here.get())

        alert = await store.update(alerts.COLLECTION, alert_id, change)
        if alert["state"] == AlertState.RESOLVED:
            raise _is_resolved(alert_id, alert["resolution"])
        log.info("alert_acknowledged", alert=alert_id, by=by)
        return json_response(alert_json(alert))

    return router
