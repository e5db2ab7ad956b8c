"""A delivery for each receiver of a notice is written before anything is sent.

Planning twice changes nothing: a delivery's `_id` is the notice's id and the receiver's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta

from services.notifier import notices
from services.notifier.delivery_store import PENDING, SUPPRESSED, DeliveryStore
from services.notifier.notices import Notice
from services.notifier.receivers import Receiver
from services.notifier.rules import receiver_failing


class PlannedDeliveries:
    """`now` is the election's time by the database's clock; older notices than `max_notice_age` are stored as
    suppressed: old news wakes nobody."""

    def __init__(
        self, deliveries: DeliveryStore, now: Callable[[], Awaitable[datetime]], max_notice_age: timedelta
    ) -> None:
        self._deliveries, self._now, self._max_notice_age = deliveries, now, max_notice_age

    async def plan(self, notice: Notice, receivers: Iterable[Receiver]) -> None:
        """Write down who is to be told of a notice: nobody of its own failing."""
        is_old = await self._now() - notice.at > self._max_notice_age
        state = SUPPRESSED if is_old else PENDING
        await self._deliveries.plan(
            {
                "_id": f"{notice.id}|{receiver.name}",
                "receiver": receiver.name,
                "channel": receiver.channel,
                "notice": notice.id,
                "alerts": list(notice.alerts),
                "payload": notice.payload,
                "webhook_id": notices.webhook_id(f"{notice.id}|{receiver.name}"),
                "state": state,
            }
            for receiver in receivers
            if not receiver_failing.is_about(notice.alerts, receiver.name)
        )
