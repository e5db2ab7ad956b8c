"""What was held is told when nothing holds it any more, if it is still true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.notifier import rules
from services.notifier.holding import holding
from services.notifier.holding.held_store import HeldStore
from services.notifier.holding.holding import Because, Hold
from services.notifier.holding.muting import Muting
from services.notifier.store import Store
from shared.mongo import Document


class Releasing:
    """`now` is the election's time by the database's clock."""

    def __init__(
        self,
        store: Store,
        held: HeldStore,
        muting: Muting,
        now: Callable[[], Awaitable[datetime]],
        wake_senders: Callable[[], None],
    ) -> None:
        self._store, self._held, self._muting, self._now = store, held, muting, now
        self._wake_senders = wake_senders

    async def step(self) -> bool:
        """Decide on some of what need not wait any longer; whether there was any that does not wait on."""
        now = await self._now()
        ended = await self._muting.ended(await self._held.holders(), now)
        decided = [await self._decide(delivery, now) for delivery in await self._held.to_look_at(now, ended)]
        if any(decided):
            self._wake_senders()
        return any(decided)

    async def _decide(self, delivery: Document, now: datetime) -> bool:
        """False if it goes on waiting for what it waits for already."""
        found = await self._found(delivery, now)
        if isinstance(found, Because):
            return await self._held.suppress(delivery, found)
        if found is None:
            return await self._held.release(delivery, now)
        await self._held.hold_on(delivery, found)
        return (found.by, found.until) != (delivery["held_by"], delivery["held_until"])

    async def _found(self, delivery: Document, now: datetime) -> Hold | Because | None:
        """Another hold, or why it is not told, or None."""
        about = await self._held.told_of(delivery["receiver"], delivery["alerts"])
        place = [d["_id"] for d in about].index(delivery["_id"])
        known = await self._store.alerts({"_id": {"$in": delivery["alerts"]}}, None, len(delivery["alerts"]))
        of_use = {a["_id"]: a for a in known if not rules.is_past(a, now)}
        payload = delivery["payload"]
        return (
            holding.no_longer_told(delivery, of_use, about[place + 1 :])
            or holding.fate_of_end(payload, delivery["alerts"], about[:place])
            or await self._muting.hold(payload, now)
            or self._muting.quiet_hours(payload, delivery["receiver"], now)
        )
