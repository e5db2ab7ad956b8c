"""Looks at what is due: each moment once, by whichever replica, when the log up to it is provably read.

Dies anywhere: the moment stays open, or unsettled; looking and settling again change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from services.notifier.moments import proof
from services.notifier.moments.moment_store import MomentStore
from services.notifier.moments.moments import Moment
from services.notifier.moments.proof import LogOffsets
from services.notifier.rules.cannot_evaluate import Unproven
from services.notifier.verdicts.judging import DatabaseClock
from shared.clock import Clock
from shared.logs import get_logger

log = get_logger(__name__)


class Watch(Protocol):
    """A rule that looks at moments. `topic` is what must be read up to them. All its calls may be repeated."""

    topic: str

    def moments(self) -> Collection[Moment]: ...

    async def look(self, moment: Moment, now: datetime) -> None:
        """What was there by the moment is read: raise what is lacking."""

    async def settle(self, moment: Moment, now: datetime) -> None:
        """The moment is closed: take into account what came since."""

    async def give_up(self, moment: Moment, now: datetime, unproven: Unproven) -> None:
        """The bounded wait is over; it stays open until it can be looked at."""


class Looking:
    def __init__(
        self,
        store: MomentStore,
        watches: Iterable[Watch],
        offsets: LogOffsets,
        clock: Clock,
        database_now: DatabaseClock,
        undetermined_after_s: float,
    ) -> None:
        self._store, self._offsets, self._clock, self._database_now = store, offsets, clock, database_now
        self._patience = timedelta(seconds=undetermined_after_s)
        self._known: Mapping[str, tuple[Watch, Moment]] = {
            moment.id: (watch, moment) for watch in watches for moment in watch.moments()
        }

    async def plan(self) -> None:
        """Write down all moments to come; idempotent."""
        await self._store.plan(moment for _, moment in self._known.values())

    async def step(self) -> bool:
        """Look at what is due and provable; whether there was any. A moment that another election file planned is
        nobody's."""
        real_now = await self._database_now()
        now, had_work = self._clock.at(real_now), False
        for due in await self._store.due(now):
            if due["_id"] in self._known:
                had_work |= await self._look(due["_id"], now, real_now)
        for closed in await self._store.unsettled():
            if closed["_id"] in self._known:
                await self._settle(closed["_id"], now)
                had_work = True
        return had_work

    async def _look(self, moment_id: str, now: datetime, real_now: datetime) -> bool:
        watch, moment = self._known[moment_id]
        seen = await self._store.first_seen(moment_id)
        unproven = await proof.unproven(self._offsets, watch.topic, seen, self._store.keep_ends)
        if unproven is None:
            await watch.look(moment, now)
            await self._store.close(moment_id)
            log.info("looked", moment=moment_id)
            return True
        if real_now - seen["first_seen_at"] > self._patience and not seen["is_given_up"]:
            await self._give_up(watch, moment, now, unproven)
        return False

    async def _give_up(self, watch: Watch, moment: Moment, now: datetime, unproven: Unproven) -> None:
        await watch.give_up(moment, now, unproven)
        await self._store.keep_given_up(moment.id)
        log.warning("cannot_look", moment=moment.id, reason=unproven.reason, **unproven.values)

    async def _settle(self, moment_id: str, now: datetime) -> None:
        watch, moment = self._known[moment_id]
        await watch.settle(moment, now)
        await self._store.keep_settled(moment_id)
