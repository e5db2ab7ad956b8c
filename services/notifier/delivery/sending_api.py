"""The notifier's HTTP side of sending: how each receiver is doing, one delivery, and what an operator may do.

For people's keys; what changes something needs the role `operator`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response, params

from services.notifier.api import delivery_json
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_state import receiver_json
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.routing.addresses import Address
from shared.access.keys import Role
from shared.access.store import AccessStore
from shared.http.auth import caller, for_people
from shared.http.openapi import NEEDS_KEY, Sample, problem_answer, reading_errors
from shared.http.problems import Problem
from shared.http.service import json_response
from shared.logs import get_logger
from shared.mongo import Document

log = get_logger(__name__)


def _is_delivered(delivery_id: str) -> Problem:
    return Problem(409, "delivered", "delivered_detail", what=delivery_id)


_DELIVERED: dict[int | str, dict[str, Any]] = {
    409: problem_answer("it was delivered", [Sample("delivered", _is_delivered("x"))])
}


def routes(
    addresses: Sequence[Address], deliveries: DeliveryStore, receivers: ReceiverStore, access: AccessStore
) -> APIRouter:
    """`/v1/receivers` and what is done with one delivery."""

    operator = for_people(access, Role.OPERATOR, is_fresh=True)

    router = APIRouter(prefix="/v1", dependencies=[NEEDS_KEY, for_people(access)], responses=reading_errors())
    _add_deliveries(router, deliveries, operator)
    _add_receivers(router, {a.name: a for a in addresses}, deliveries, receivers, operator)
    return router


def _add_deliveries(router: APIRouter, deliveries: DeliveryStore, operator: params.Depends) -> None:
    @router.get("/deliveries/{delivery_id}", tags=["deliveries"])
    async def one_delivery(delivery_id: str) -> Response:
        """One delivery, by its id or its `webhook_id`, with every attempt: when, what came back, how long it took."""
        return json_response(delivery_json(await _found(deliveries, delivery_id)))

    @router.post("/deliveries/{delivery_id}/retry", tags=["deliveries"], dependencies=[operator], responses=_DELIVERED)
    async def retry(request: Request, delivery_id: str) -> Response:
        """Send it once more, now: a dead or suppressed one, or one that waits. Of several recipients it is sent to
        those alone who have not got it."""
        delivery, by = await _found(deliveries, delivery_id), caller(request)
        if not await deliveries.retry(delivery["_id"], by):
            raise _is_delivered(delivery_id)
        log.info("delivery_retried", delivery=delivery["_id"], by=by)
        return json_response(delivery_json(await _found(deliveries, delivery["_id"])))


async def _found(deliveries: DeliveryStore, delivery_id: str) -> Document:
    """Raises Problem 404."""
    delivery = await deliveries.one(delivery_id)
    if delivery is None:
        raise Problem(404, "not_found", "not_found_detail", what=delivery_id)
    return delivery


def _add_receivers(
    router: APIRouter,
    addresses: Mapping[str, Address],
    deliveries: DeliveryStore,
    receivers: ReceiverStore,
    operator: params.Depends,
) -> None:
    async def states() -> list[Document]:
        known, counts = await receivers.all(), await deliveries.counts()
        return [receiver_json(a, known.get(name, {}), counts.get(name, {})) for name, a in addresses.items()]

    @router.get("/receivers", tags=["receivers"])
    async def list_receivers() -> Response:
        """Every receiver of the receivers file: whether it is told, its breaker, what waits for it and what is dead.
        Addresses are not shown: they may hold tokens."""
        return json_response({"items": await states(), "next": None})

    @router.post("/receivers/{name}/enable", tags=["receivers"], dependencies=[operator])
    async def enable(request: Request, name: str) -> Response:
        """Tell it again, from now on. What went dead meanwhile is sent again by `POST /v1/deliveries/{id}/retry`."""
        if name not in addresses:
            raise Problem(404, "not_found", "not_found_detail", what=name)
        by = caller(request)
        await receivers.enable(name, by)
        await deliveries.release(name)
        log.info("receiver_enabled", receiver=name, by=by)
        return json_response(next(state for state in await states() if state["name"] == name))
