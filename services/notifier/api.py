"""The notifier's HTTP side: alerts with their deliveries, deliveries, obligations. For people's keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.notifier import causes
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.queries import AlertsQuery, DeliveriesQuery, ObligationsQuery
from services.notifier.store import Store
from services.notifier.verdicts import obligations
from shared.access.store import AccessStore
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.election.roster import Region
from shared.events.alert import alert_json
from shared.events.verdict import Verdict
from shared.http.auth import for_people
from shared.http.openapi import NEEDS_KEY, reading_errors
from shared.http.parameters import once_each
from shared.http.problems import FieldError, Problem, invalid
from shared.http.service import json_response
from shared.mongo import Document
from shared.texts import in_both
from shared.tracing.places import place_named

_SHOWN_VERDICT = ("revision", "verdict", "reason", "judged_at", "report", "received_at")
_SHOWN_WITHDRAWAL = ("agency", "id", "report", "received_at", "reason")
_SHOWN_DELIVERY = ("receiver", "channel", "notice", "alerts", "state", "webhook_id", "planned_at", "attempts")
_SHOWN_IF_SO = ("held_by", "held_until", "suppressed_because", "released_at", "retried_at", "retried_by")


def routes(calendar: Calendar, store: Store, deliveries: DeliveryStore, access: AccessStore) -> APIRouter:
    """All of the notifier's calls."""

    router = APIRouter(
        prefix="/v1", dependencies=[NEEDS_KEY, for_people(access), once_each()], responses=reading_errors()
    )
    _add_alerts(router, store, deliveries)
    _add_deliveries(router, deliveries)
    _add_obligations(router, calendar, store)
    return router


def _id_of(document: Document) -> str:
    return str(document["_id"])


def _add_alerts(router: APIRouter, store: Store, deliveries: DeliveryStore) -> None:
    @router.get("/alerts", tags=["alerts"])
    async def list_alerts(query: Annotated[AlertsQuery, Query()]) -> Response:
        """Alerts by id, with their deliveries; `region` takes everything below it along."""
        found = await store.alerts(query.to_mongo(), query.after, query.limit + 1)
        page = query.of(found, _id_of)
        return json_response({**page, "items": await _with_deliveries(deliveries, page["items"])})

    @router.get("/alerts/{alert_id}", tags=["alerts"])
    async def one_alert(alert_id: str) -> Response:
        """One alert, with every delivery attempt."""
        alert = await store.alert(alert_id)
        if alert is None:
            raise Problem(404, "not_found", "not_found_detail", what=alert_id)
        (shown,) = await _with_deliveries(deliveries, [alert])
        return json_response(shown)


async def _with_deliveries(deliveries: DeliveryStore, found: list[Document]) -> list[Document]:
    by_alert: dict[str, list[Document]] = {alert["_id"]: [] for alert in found}
    for delivery in await deliveries.of_alerts(list(by_alert)):
        for alert_id in delivery["alerts"]:
            if alert_id in by_alert:
                by_alert[alert_id].append(delivery_json(delivery))
    return [{**alert_json(alert), "trace": _trace_of(alert), "deliveries": by_alert[alert["_id"]]} for alert in found]


def _trace_of(alert: Document) -> str:
    """Of its latest change."""
    return causes.place_of(alert, f"{alert['_id']}#{alert['revision']}").trace_id


def delivery_json(delivery: Document) -> Document:
    """A delivery with every attempt; the payload is left out: the alerts say it."""
    more = {field: delivery[field] for field in _SHOWN_IF_SO if field in delivery}
    place = causes.places_of(delivery)[0] or place_named(delivery["notice"])
    shown = {field: delivery[field] for field in _SHOWN_DELIVERY}
    return {"id": delivery["_id"], **shown, "trace": place.trace_id, **more}


def _add_deliveries(router: APIRouter, deliveries: DeliveryStore) -> None:
    @router.get("/deliveries", tags=["deliveries"])
    async def list_deliveries(query: Annotated[DeliveriesQuery, Query()]) -> Response:
        """Deliveries by id, with every attempt."""
        page = query.of(await deliveries.listed(query.state, query.after, query.limit + 1), _id_of)
        return json_response({**page, "items": [delivery_json(d) for d in page["items"]]})


def _add_obligations(router: APIRouter, calendar: Calendar, store: Store) -> None:
    @router.get("/obligations", tags=["obligations"])
    async def list_obligations(query: Annotated[ObligationsQuery, Query()]) -> Response:
        """Who owes the report of a period, with the verdicts so far; `pending` where there is none yet."""
        owing = calendar.owing(query.period)
        if not owing:
            raise invalid([_not_owed(calendar)])
        left = owing.after(query.after, query.limit + 1)
        shown = {obligations.obligation_id(query.period, c): (calendar.roster[c], d) for c, d in left.items()}
        known = await store.obligations(list(shown))
        items = [_obligation_json(calendar, r, d, known.get(i) or {}) for i, (r, d) in shown.items()]
        return json_response(query.of(items, lambda item: str(item["region"])))


def _not_owed(calendar: Calendar) -> FieldError:
    judged = calendar.all_periods()
    first, last = (judged[0], judged[-1]) if judged else ("-", "-")
    return FieldError("period", "period_not_owed", first=first, last=last)


def _obligation_json(calendar: Calendar, region: Region, deadline: Deadline, known: Document) -> Document:
    """`verdict` holds, `reason` says why; `verdicts` are all of them in order."""
    verdict = known.get("verdict", Verdict.PENDING.value)
    verdicts = known.get("verdicts", [])
    reason = verdicts[-1]["reason"] if verdicts else None
    deadline = obligations.deadline_of(known, deadline)
    return {
        "region": region.code,
        "name": calendar.roster.name(region.code),
        "due_at": deadline.due_at,
        "judge_at": deadline.judge_at,
        "verdict": verdict,
        "verdict_text": in_both("verdicts", verdict),
        "reason": reason,
        "reason_text": in_both("verdicts", reason),
        "verdicts": [_verdict_json(entry) for entry in verdicts],
    }


def _verdict_json(entry: Document) -> Document:
    """A verdict, with the report that decided, the withdrawal that left none, or the excuse."""
    withdrawal = entry["withdrawal"]
    shown = {name: withdrawal[name] for name in _SHOWN_WITHDRAWAL} if withdrawal else None
    return {**{name: entry[name] for name in _SHOWN_VERDICT}, "withdrawal": shown, "excuse": entry.get("excuse")}
