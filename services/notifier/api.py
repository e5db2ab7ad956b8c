"""The notifier's HTTP side: alerts with their deliveries, deliveries, obligations. For people's keys."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Protocol

import orjson
from fastapi import APIRouter, Query, Request, Response

from services.notifier import alerts, obligations
from services.notifier.rules import RULES
from services.notifier.store import Store
from shared.access.keys import Grant, Role
from shared.access.store import AccessStore
from shared.election.calendar import Calendar
from shared.events.alert import AlertState
from shared.events.verdict import Verdict
from shared.http import auth
from shared.http.pages import DEFAULT_LIMIT, Cursor, Limit, RegionQuery, below, decode_cursor, page
from shared.http.problems import FieldError, Problem, invalid
from shared.mongo import Document

_DELIVERY_STATES = "^(pending|delivered|dead|suppressed)$"
_RULE_NAMES = f"^({'|'.join(RULES)})$"
_SHOWN_DELIVERY = ("receiver", "channel", "notice", "alerts", "state", "webhook_id", "planned_at", "attempts")


class Guarded(Protocol):
    """Lets a person with a role pass. Raises Problem 401, 403 or 503."""

    async def __call__(self, request: Request, role: Role = Role.VIEWER) -> Grant: ...


def json_response(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def delivery_to_json(delivery: Document) -> Document:
    """A delivery with every attempt; the payload is left out: the alerts say it."""
    return {"id": delivery["_id"], **{field: delivery[field] for field in _SHOWN_DELIVERY}}


def routes(store: Store, access: AccessStore, calendar: Calendar) -> APIRouter:
    """All of the notifier's calls."""
    router = APIRouter(prefix="/v1")

    async def guarded(request: Request, role: Role = Role.VIEWER) -> Grant:
        return await auth.person(request, access, role)

    _alert_routes(router, store, guarded)
    _delivery_routes(router, store, guarded)
    _obligation_routes(router, store, calendar, guarded)
    return router


def _alert_routes(router: APIRouter, store: Store, guarded: Guarded) -> None:
    @router.get("/alerts", tags=["alerts"])
    async def list_alerts(
        request: Request,
        state: AlertState | None = None,
        rule: Annotated[str | None, Query(pattern=_RULE_NAMES)] = None,
        region: RegionQuery = None,
        period: date | None = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """Alerts by id, with their deliveries; `region` takes everything below it along."""
        await guarded(request)
        wanted: Document = {"state": state.value if state else {"$exists": True}}
        if rule:
            wanted["rule"] = rule
        if region:
            wanted["region"] = below(region)
        if period:
            wanted["period"] = period.isoformat()
        if after := decode_cursor(cursor):
            wanted["_id"] = {"$gt": after}
        found = [a async for a in store.alerts.find(wanted).sort("_id", 1).limit(limit + 1)]
        shown = await _with_deliveries(store, found[:limit])
        last = found[:limit][-1]["_id"] if found else None
        return json_response({**page(found, limit, last), "items": shown})

    @router.get("/alerts/{alert_id}", tags=["alerts"])
    async def one_alert(request: Request, alert_id: str) -> Response:
        """One alert, with every delivery attempt."""
        await guarded(request)
        alert = await store.alerts.find_one({"_id": alert_id, "state": {"$exists": True}})
        if alert is None:
            raise Problem(404, "not_found", "not_found_detail", what=alert_id)
        return json_response((await _with_deliveries(store, [alert]))[0])


async def _with_deliveries(store: Store, found: list[Document]) -> list[Document]:
    by_alert: dict[str, list[Document]] = {alert["_id"]: [] for alert in found}
    deliveries = store.deliveries.find({"alerts": {"$in": list(by_alert)}}).sort("planned_at", 1)
    async for delivery in deliveries:
        for alert_id in delivery["alerts"]:
            if alert_id in by_alert:
                by_alert[alert_id].append(delivery_to_json(delivery))
    return [{**alerts.to_json(alert), "deliveries": by_alert[alert["_id"]]} for alert in found]


def _delivery_routes(router: APIRouter, store: Store, guarded: Guarded) -> None:
    @router.get("/deliveries", tags=["deliveries"])
    async def list_deliveries(
        request: Request,
        state: Annotated[str | None, Query(pattern=_DELIVERY_STATES)] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """Deliveries by id, with every attempt."""
        await guarded(request)
        wanted: Document = {"state": state} if state else {}
        if after := decode_cursor(cursor):
            wanted["_id"] = {"$gt": after}
        found = [d async for d in store.deliveries.find(wanted).sort("_id", 1).limit(limit + 1)]
        last = found[:limit][-1]["_id"] if found else None
        return json_response({**page(found, limit, last), "items": [delivery_to_json(d) for d in found[:limit]]})


def _obligation_routes(router: APIRouter, store: Store, calendar: Calendar, guarded: Guarded) -> None:
    @router.get("/obligations", tags=["obligations"])
    async def list_obligations(
        request: Request, period: date, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Response:
        """Who owes the report of a period, with the verdicts so far; `pending` where there is none yet."""
        await guarded(request)
        owing = [(r, d) for r in calendar.roster if (d := calendar.owed(r, period)) is not None]
        if not owing:
            raise invalid([FieldError("period", "parameter", problem="nobody owes a report for this day")])
        after = decode_cursor(cursor) or ""
        shown = [(r, d) for r, d in sorted(owing, key=lambda pair: pair[0].code) if r.code > after][: limit + 1]
        ids = [obligations.obligation_id(period, r.code) for r, _ in shown]
        known = {o["_id"]: o async for o in store.obligations.find({"_id": {"$in": ids}})}
        items = [
            {
                "region": r.code,
                "name": calendar.roster.name(r.code),
                "due_at": d.due_at,
                "judge_at": d.judge_at,
                "verdict": known.get(i, {}).get("verdict", Verdict.PENDING.value),
                "verdicts": known.get(i, {}).get("verdicts", []),
            }
            for (r, d), i in zip(shown, ids, strict=True)
        ]
        return json_response(page(items, limit, items[:limit][-1]["region"] if items else None))
