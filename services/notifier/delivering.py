"""Deliveries: claimed with a lease, logged before the attempt, sent, marked. One loop a receiver: none waits for
another.

Dies between the receiver's 2xx and our mark: sent again after the lease, with the same `webhook-id`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from services.notifier.channels import Channel, Message, SendFailed
from services.notifier.channels.console import Console
from services.notifier.channels.webhook import Webhook
from services.notifier.delivery_store import DEAD, DELIVERED, PENDING, DeliveryStore
from services.notifier.receivers import ConsoleReceiver, Receiver, WebhookReceiver
from shared.logs import get_logger
from shared.loops import back_off_s
from shared.metrics import Metrics
from shared.mongo import Document
from shared.settings import Settings

log = get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 1800.0
MOST_ATTEMPTS = 16  # about 4 hours

_MAKERS: Mapping[type, Callable[..., Channel]] = {
    ConsoleReceiver: lambda _receiver, _settings: Console(),
    WebhookReceiver: lambda receiver, settings: Webhook(
        receiver.url,
        receiver.signing_secret(),
        allow_private=receiver.allow_private,
        timeout_s=settings.webhook_timeout_s,
    ),
}


def make_channel(receiver: Receiver, settings: Settings) -> Channel:
    return _MAKERS[type(receiver)](receiver, settings)


def retry_in_s(attempts: int) -> float:
    """Exponential back-off with jitter after that many failed attempts, in real seconds."""
    return back_off_s(FIRST_RETRY_S, attempts - 1, LONGEST_RETRY_S) * random.uniform(0.7, 1.0)  # noqa: S311


class Sender:
    """Sends one receiver's deliveries, one at a time."""

    def __init__(
        self,
        receiver: Receiver,
        channel: Channel,
        deliveries: DeliveryStore,
        owner: str,
        lease_s: float,
        metrics: Metrics,
    ) -> None:
        self.receiver, self._channel, self._deliveries = receiver, channel, deliveries
        self._owner, self._lease_s, self._metrics = owner, lease_s, metrics

    async def step(self) -> bool:
        """Send one due delivery; whether there was one."""
        delivery = await self._deliveries.claim(self.receiver.name, self._owner, self._lease_s)
        if delivery is None:
            return False
        if await self._deliveries.waits_for_older(delivery):
            return True
        try:
            await self._refuse_if_disabled()
            status = await self._channel.send(Message(delivery["webhook_id"], delivery["payload"]))
        except SendFailed as failure:
            await self._failed(delivery, failure)
        except Exception as error:  # noqa: BLE001 - a channel's defect is a failed attempt: counted, and dead some day
            await self._failed(delivery, SendFailed(type(error).__name__, is_permanent=False))
        else:
            await self._deliveries.record_attempt(delivery, {"outcome": "ok", "status": status}, DELIVERED, None)
            self._count("ok")
        return True

    async def close(self) -> None:
        await self._channel.close()

    async def _refuse_if_disabled(self) -> None:
        because = await self._deliveries.disabled_because(self.receiver.name)
        if because:
            raise SendFailed(f"receiver disabled: {because}", is_permanent=True)

    async def _failed(self, delivery: Document, failure: SendFailed) -> None:
        tried = len(delivery["attempts"])
        is_dead = failure.is_permanent or tried >= MOST_ATTEMPTS
        outcome = {"outcome": "failed", "status": failure.status, "problem": str(failure)}
        await self._deliveries.record_attempt(delivery, outcome, DEAD if is_dead else PENDING, retry_in_s(tried))
        if failure.disables:
            await self._deliveries.disable_receiver(self.receiver.name, str(failure))
        self._count("dead" if is_dead else "retry")
        level = log.error if is_dead else log.warning
        level("delivery_failed", delivery=delivery["_id"], problem=str(failure), attempt=tried, dead=is_dead)

    def _count(self, outcome: str) -> None:
        self._metrics.deliveries.labels(self.receiver.channel, outcome).inc()
