"""Deliveries: claimed with a lease, logged before the attempt, sent, marked. Loops of each receiver's own: none waits
for another.

What presses, and waits for no other notice, is claimed in the very write that plans it, and sent from there (`plan`).

Dies between the receiver's 2xx and our mark: sent again after the lease, with the same `webhook-id`. Who is told to
leave ends the attempt that is under way first.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from services.notifier import causes
from services.notifier.channels import Channel, Message, SendFailed, Sent
from services.notifier.delivery import problems
from services.notifier.delivery.breaker import Breaker
from services.notifier.delivery.delivery_states import DEAD, DELIVERED, PENDING
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import Permit, ReceiverStore
from services.notifier.delivery.recipients import still_owed
from services.notifier.delivery.replies import shown
from services.notifier.routing.addresses import Address
from shared.errors import said
from shared.logs import get_logger
from shared.loops import back_off_s
from shared.metrics import Metrics
from shared.mongo import DatabaseError, Document
from shared.tracing import spans
from shared.tracing.places import place_named
from shared.tracing.spans import Kind, Span

log = get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 1800.0
LEAVING_S = 10.0  # an attempt under way ends first: cut off, it would be made again after the lease
_SHARE_OF_LEASE = 0.8  # an attempt ends well before somebody else may take it over


def retry_in_s(attempts: int) -> float:
    """Exponential back-off with jitter after that many failed attempts, in real seconds."""
    return back_off_s(FIRST_RETRY_S, attempts - 1, LONGEST_RETRY_S) * random.uniform(0.7, 1.0)  # noqa: S311


def left_s(delivery: Document, retry_for: timedelta) -> float:
    """For how long after its latest attempt a delivery may still be tried; 0 or less if it is to be given up. All
    times are the database's."""
    started: datetime = delivery["attempts"][-1]["started_at"]
    return (_owed_since(delivery) + retry_for - started).total_seconds()


def _owed_since(delivery: Document) -> datetime:
    since: datetime = delivery.get("retried_at") or delivery.get("released_at") or delivery["planned_at"]
    return since


async def _to_its_end(attempt: Coroutine[Any, Any, None], delivery: Document) -> None:
    """An attempt, also if we are told to leave meanwhile: then for `LEAVING_S` at most."""
    task = asyncio.create_task(attempt)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=LEAVING_S)
        task.cancel()
        for failure in await asyncio.gather(task, return_exceptions=True):
            if failure is not None:
                _not_recorded(delivery, failure)
        raise


def _not_recorded(delivery: Document, failure: BaseException) -> None:
    """Its end is not known here: it is sent again after the lease, perhaps a second time."""
    log.warning("attempt_not_recorded", delivery=delivery["_id"], receiver=delivery["receiver"], error=said(failure))


def message_of(delivery: Document) -> Message:
    """What is to be sent now: after an attempt that reached some of several recipients, only for the rest."""
    at: datetime = delivery["attempts"][-1]["started_at"]
    return Message(delivery["webhook_id"], delivery["payload"], still_owed(delivery["attempts"]), at)


class Sender:
    """Sends one receiver's deliveries; a step sends one. As many loops may turn it as the receiver takes at a time."""

    def __init__(
        self,
        receiver: Address,
        channel: Channel,
        deliveries: DeliveryStore,
        receivers: ReceiverStore,
        owner: str,
        lease_s: float,
        metrics: Metrics,
    ) -> None:
        self.receiver, self._channel = receiver, channel
        self._deliveries, self._receivers = deliveries, receivers
        self._owner, self._lease_s, self._metrics = owner, lease_s, metrics
        self._secrets = receiver.secrets()
        self._places = asyncio.Semaphore(receiver.concurrency)
        self._at_once: set[asyncio.Task[None]] = set()

    async def takes(self) -> bool:
        """Whether something could be sent to the receiver at once."""
        return not self._places.locked() and await self._receivers.is_well(self.receiver.name)

    async def plan(self, planned: Document) -> bool:
        """Write a delivery that waits for no other, and send it at once: claimed in the same write, sent in the
        background. False, and nothing is written, if its receiver takes no more at a time. Ask `takes` before."""
        if self._places.locked():
            return False
        async with contextlib.AsyncExitStack() as place:
            await place.enter_async_context(self._places)
            delivery = await self._deliveries.plan_claimed(planned, self._owner, self._lease_s)
            if delivery is not None:
                task = asyncio.create_task(self._send_from(place.pop_all(), delivery))
                self._at_once.add(task)
                task.add_done_callback(self._at_once.discard)
        return True

    async def _send_from(self, place: contextlib.AsyncExitStack, delivery: Document) -> None:
        async with place:
            try:
                await self._deliver(delivery, Permit.YES)
            except DatabaseError as error:
                _not_recorded(delivery, error)
            except asyncio.CancelledError as error:  # cut off when we left
                _not_recorded(delivery, error)
                raise
            except Exception as error:  # the top of what no loop turns: counted as there, and then as above
                self._metrics.loop_failures.labels(f"send:{self.receiver.name}").inc()
                log.error("sending_failed", delivery=delivery["_id"], alerts=delivery["alerts"], exc_info=error)

    async def step(self) -> bool:
        """Send one due delivery; whether there was one."""
        async with self._places:
            return await self._step()

    async def _step(self) -> bool:
        permit = await self._receivers.permit(self.receiver.name, self._lease_s)
        self._show(permit)
        if permit is Permit.NOT_NOW:
            return False
        is_probe = permit is Permit.PROBE
        delivery = await self._deliveries.claim(self.receiver.name, self._owner, self._lease_s, is_probe=is_probe)
        if delivery is None:
            if is_probe:
                await self._receivers.give_back_probe(self.receiver.name)
            return False
        if not await self._deliveries.waits_for_older(delivery):
            await _to_its_end(self._deliver(delivery, permit), delivery)
        return True

    async def _deliver(self, delivery: Document, permit: Permit) -> None:
        cause, others = causes.places_of(delivery)
        below = cause or spans.by_chance(place_named(delivery["notice"]))
        values = {"desk.delivery": delivery["_id"], "desk.channel": self.receiver.channel}
        with spans.span("deliver", Kind.CLIENT, parent=below, links=others, values=values) as span:
            await self._send(delivery, permit, span)

    async def _send(self, delivery: Document, permit: Permit, span: Span) -> None:
        began = time.monotonic()
        try:
            if permit is Permit.DISABLED:
                because = await self._receivers.disabled_because(self.receiver.name)
                raise SendFailed(f"{problems.DISABLED}: {because}", is_permanent=True)
            async with asyncio.timeout(self._lease_s * _SHARE_OF_LEASE):
                sent = await self._channel.send(message_of(delivery))
        except SendFailed as failure:
            span.fail(type(failure).__name__)
            await self._failed(delivery, failure, _ms_since(began), is_told=permit is not Permit.DISABLED)
        except Exception as error:  # noqa: BLE001 - a channel's defect is a failed attempt: counted, and dead some day
            span.fail(type(error).__name__)
            await self._failed(delivery, SendFailed(type(error).__name__, is_permanent=False), _ms_since(began))
        else:
            await self._arrived(delivery, sent, _ms_since(began))

    async def close(self) -> None:
        """Ends what is sent at once; what takes longer than `LEAVING_S` is cut off."""
        if self._at_once:
            await asyncio.wait(self._at_once, timeout=LEAVING_S)
        for task in self._at_once:
            task.cancel()
        await asyncio.gather(*self._at_once, return_exceptions=True)
        await self._channel.close()

    async def _arrived(self, delivery: Document, sent: Sent, latency_ms: int) -> None:
        reply = shown(sent.reply, self._secrets)
        outcome = {"outcome": "ok", "status": sent.status, "latency_ms": latency_ms, "reply": reply}
        ended = await asyncio.gather(
            self._deliveries.record_attempt(delivery, outcome, DELIVERED, None),
            self._answered(is_success=True),
            return_exceptions=True,  # if one fails the other ends first: nobody would wait for it when we leave
        )
        for failure in ended:
            if failure is not None:
                raise failure
        self._count("ok")
        self._count_delay(delivery, latency_ms / 1000)
        log.info("delivered", delivery=delivery["_id"], attempt=len(delivery["attempts"]))

    async def _failed(self, delivery: Document, failure: SendFailed, latency_ms: int, is_told: bool = True) -> None:
        tried = sum(a["started_at"] >= _owed_since(delivery) for a in delivery["attempts"])
        left = left_s(delivery, self.receiver.retry_for)
        wait_s = min(max(retry_in_s(tried), failure.retry_after_s or 0.0), left)  # the last try comes at the very end
        is_dead = failure.is_permanent or left <= 0
        problem = shown(str(failure), ())
        outcome = {
            "outcome": "failed",
            "status": failure.status,
            "problem": problem,
            "latency_ms": latency_ms,
            "reply": shown(failure.reply, self._secrets),
            **{name: list(who) for name, who in (("left", failure.left), ("took", failure.took)) if who},
        }
        await self._deliveries.record_attempt(delivery, outcome, DEAD if is_dead else PENDING, wait_s)
        if is_told:
            await self._note(failure, problem)
        self._count("dead" if is_dead else "retry")
        level = log.error if is_dead else log.warning
        level("delivery_failed", delivery=delivery["_id"], problem=problem, attempt=tried, dead=is_dead)

    async def _note(self, failure: SendFailed, problem: str) -> None:
        """What a failure says of the receiver: it wants no more, it is there, or it may be away."""
        name = self.receiver.name
        if failure.disables:
            await self._receivers.disable(name, problem)
        if failure.is_permanent or failure.is_in_part:
            await self._answered(is_success=False)
        elif await self._receivers.failed(name, problem, failure.retry_after_s, _jitter()) is Breaker.OPEN:
            expired = await self._deliveries.expire(name, self.receiver.retry_for.total_seconds(), problems.GIVEN_UP)
            if expired:
                self._count("dead", expired)
                log.error("deliveries_given_up", receiver=name, number=expired)

    async def _answered(self, *, is_success: bool) -> None:
        if await self._receivers.answered(self.receiver.name, is_success=is_success):
            await self._deliveries.release(self.receiver.name)
            log.info("receiver_is_back", receiver=self.receiver.name)

    def _show(self, permit: Permit) -> None:
        name, is_disabled = self.receiver.name, permit is Permit.DISABLED
        self._metrics.receiver_disabled.labels(name).set(is_disabled)
        self._metrics.breaker_open.labels(name).set(permit in (Permit.NOT_NOW, Permit.PROBE))

    def _count_delay(self, delivery: Document, took_s: float) -> None:
        """From what is told of to the receiver's yes. What waited on purpose, or was sent again by an operator, says
        nothing of our speed; of what an earlier version planned it is not known."""
        if delivery.get("released_at") or delivery.get("retried_at") or "happened_at" not in delivery:
            return
        planned = delivery["due_at"] - delivery["happened_at"]  # in the election's time
        sent = delivery["attempts"][-1]["started_at"] - delivery["planned_at"]  # in the database's
        seconds = (planned + sent).total_seconds() + took_s
        self._metrics.accepted_to_delivered.labels(delivery["rule"]).observe(max(0.0, seconds))

    def _count(self, outcome: str, number: int = 1) -> None:
        self._metrics.deliveries.labels(self.receiver.channel, outcome).inc(number)


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _jitter() -> float:
    return random.uniform(0.7, 1.0)  # noqa: S311
