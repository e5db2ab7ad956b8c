"""A delivery for each receiver of a notice is written before anything is sent.

Planning twice changes nothing: a delivery's `_id` is the notice's id and the receiver's name. What is not to be sent
now is written too, with the reason: `held` until something ends, or `suppressed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from types import MappingProxyType
from typing import Protocol

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_states import HELD, PENDING, SUPPRESSED
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.holding import holding
from services.notifier.holding.held_store import HeldStore
from services.notifier.holding.holding import Because, Hold
from services.notifier.holding.muting import Muting
from services.notifier.notices import notices
from services.notifier.notices.notices import Notice
from services.notifier.routing.receivers import Receiver
from services.notifier.routing.routing import Routing
from services.notifier.rules import receiver_failing
from shared.mongo import Document


class PlansAndSends(Protocol):
    """Who writes a delivery and sends it at once; `takes` tells whether it may, `plan` whether it was done."""

    async def takes(self) -> bool: ...

    async def plan(self, planned: Document) -> bool: ...


class PlannedDeliveries:
    """`now` is the election's time by the database's clock; older notices than `max_notice_age` are stored as
    suppressed: old news wakes nobody."""

    def __init__(
        self,
        deliveries: DeliveryStore,
        muting: Muting,
        routing: Routing,
        now: Callable[[], Awaitable[datetime]],
        max_notice_age: timedelta,
        at_once: Mapping[str, PlansAndSends] = MappingProxyType({}),
    ) -> None:
        self._deliveries, self._held = deliveries, HeldStore(deliveries.database)
        self._muting, self._routing = muting, routing
        self._now, self._max_notice_age = now, max_notice_age
        self._at_once = at_once
        self._since = datetime(1970, 1, 1, tzinfo=UTC)  # the time last seen: it is hardly earlier now

    async def plan(self, notice: Notice, receivers: Iterable[Receiver]) -> bool:
        """Write down who is to be told of a notice: nobody of its own failing. Whether something waits for the senders
        then: the first word on an alert waits for nothing, and goes out at once where its receiver takes it."""
        wanted = [r for r in receivers if not receiver_failing.is_about(notice.alerts, r.name)]
        if not wanted:
            return False
        since = self._since
        now, at_once, hold_at = await asyncio.gather(
            self._now(), self._who_takes(notice, wanted), self._muting.hold_later(notice.payload, since)
        )
        self._since = now
        if now < since:  # another primary's clock, or one that was set back: what was over may last again
            hold_at = await self._muting.hold_later(notice.payload, now)
        is_old = now - notice.at > self._max_notice_age
        for_all = Because.TOO_OLD if is_old else hold_at(now)
        fates = [for_all if is_old else await self._fate(notice, receiver.name, for_all, now) for receiver in wanted]
        people = [self._routing.members(receiver.name) for receiver in wanted]
        planned = [*map(_delivery, repeat(notice), repeat(now), wanted, people, fates)]
        now_due = [d for d in planned if d["state"] == PENDING and d["receiver"] in at_once]
        is_sent = await asyncio.gather(*(at_once[d["receiver"]].plan(d) for d in now_due))
        sent = {d["_id"] for d, is_done in zip(now_due, is_sent, strict=True) if is_done}
        left = [d for d in planned if d["_id"] not in sent]
        await self._deliveries.plan(left)
        return any(d["state"] == PENDING for d in left)

    async def _who_takes(self, notice: Notice, wanted: Iterable[Receiver]) -> dict[str, PlansAndSends]:
        """Who may send a notice at once, by receiver. The first word on an alert can have nothing to wait for."""
        if notice.change != alerts.RAISED or len(notice.alerts) > 1:
            return {}
        senders = {r.name: self._at_once[r.name] for r in wanted if r.name in self._at_once}
        takes = await asyncio.gather(*(sender.takes() for sender in senders.values()))
        return {name: sender for (name, sender), is_taken in zip(senders.items(), takes, strict=True) if is_taken}

    async def told_besides(self, alert_ids: Iterable[str], receivers: Iterable[Receiver]) -> list[Receiver]:
        """Who else was to be told of these alerts, by escalation, and is to be told of their end, too."""
        names = await self._held.receivers_told_of(alert_ids) - {receiver.name for receiver in receivers}
        return [receiver for name in sorted(names) for receiver in self._routing.receivers_of(name)]

    async def _fate(
        self, notice: Notice, receiver: str, for_all: Hold | Because | None, now: datetime
    ) -> Hold | Because | None:
        """What becomes of a notice for a receiver: None if it is to be sent now."""
        hold = for_all or self._muting.quiet_hours(notice.payload, receiver, now)
        if notice.change not in _DEPENDS_ON_EARLIER:
            return hold
        earlier = [d for d in await self._held.told_of(receiver, notice.alerts) if d["notice"] != notice.id]
        of_end = holding.fate_of_end(notice.payload, notice.alerts, earlier)
        return of_end or holding.fate_of_reminder(notice.payload, notice.alerts, earlier) or hold


_DEPENDS_ON_EARLIER = (alerts.RESOLVED, alerts.REPEATED)


def _delivery(
    notice: Notice, now: datetime, receiver: Receiver, people: Sequence[tuple[str, str]], fate: Hold | Because | None
) -> Document:
    return {
        "_id": f"{notice.id}|{receiver.name}",
        "receiver": receiver.name,
        "channel": receiver.channel,
        "people": [{"team": team, "name": name} for team, name in people],
        "notice": notice.id,
        "alerts": list(notice.alerts),
        "rule": notice.rule,
        "happened_at": notice.at,
        "due_at": now,
        "payload": notice.payload,
        "traces": list(notice.traces),
        "webhook_id": notices.webhook_id(f"{notice.id}|{receiver.name}"),
        **_state(fate),
    }


def _state(fate: Hold | Because | None) -> Document:
    if isinstance(fate, Hold):
        return {"state": HELD, "held_by": fate.by, "held_until": fate.until}
    return {"state": PENDING} if fate is None else {"state": SUPPRESSED, "suppressed_because": fate.value}
