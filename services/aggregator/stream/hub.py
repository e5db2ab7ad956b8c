"""Fans the feed out to this replica's watchers.

While MongoDB is away watchers stay, and are told everything when it is back. One who comes back with a position that
the ring does not reach is brought up by a change stream of its own; one whose position the oplog does not reach any
more is told so (`reset`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator

from services.aggregator.stream.events import Wanted
from services.aggregator.stream.feed import Batch, Feed, Reading
from services.aggregator.stream.ring import Ring
from services.aggregator.stream.watcher import Watcher
from shared.logs import get_logger
from shared.loops import Loop, back_off_s
from shared.metrics import Metrics
from shared.mongo import DatabaseError, in_words
from shared.mongo_changes import HistoryLost, is_beyond

log = get_logger(__name__)

MOST_WATCHERS = 1_000
LINGER_S = 30.0  # the change stream stays open for those who connect again
MOST_CATCHING_UP = 4  # each holds a cursor, and with Motor a thread
_TOKEN = re.compile(r"[0-9A-F]{16,2000}")


class Hub:
    """Run `run` in the background; `watching` is for each connection."""

    def __init__(self, feed: Feed, metrics: Metrics) -> None:
        self._feed, self._metrics = feed, metrics
        self.loop = Loop("stream", self._step, metrics, idle_s=1.0)
        self._members: dict[Watcher, asyncio.Task[None] | None] = {}
        self._live: set[Watcher] = set()
        self._few = asyncio.Semaphore(MOST_CATCHING_UP)
        self._ring: Ring | None = None
        self._reading: Reading | None = None
        self._watched_at = 0.0

    @property
    def is_full(self) -> bool:
        return len(self._members) >= MOST_WATCHERS

    async def run(self) -> None:
        """Until cancelled; then nobody watches any more."""
        try:
            await self.loop.run()
        finally:
            for watcher in list(self._members):
                watcher.end()
            await self._stop_reading()

    @contextlib.contextmanager
    def watching(self, wanted: Wanted, after: str | None) -> Iterator[Watcher]:
        """A watcher of what is wanted, from after a position or from now."""
        watcher = Watcher(wanted, after)
        self._members[watcher] = None
        self._metrics.stream_watchers.set(len(self._members))
        if after is None:
            self._live.add(watcher)
        elif not _TOKEN.fullmatch(after) or is_beyond(after):
            self._begin_anew(watcher)
        else:
            watcher.welcome(after)
            if not self._attach(watcher):
                self._members[watcher] = asyncio.create_task(self._bring_up(watcher))
        self.loop.wake()
        try:
            yield watcher
        finally:
            self._leave(watcher)

    def _leave(self, watcher: Watcher) -> None:
        task = self._members.pop(watcher)
        self._live.discard(watcher)
        if task is not None:
            task.cancel()
        watcher.end()
        self._metrics.stream_watchers.set(len(self._members))

    async def _step(self) -> bool:
        """Read a little and tell it. Nothing is read while nobody watches."""
        now = time.monotonic()
        if self._members:
            self._watched_at = now
        if now - self._watched_at > LINGER_S or not self._watched_at:
            await self._stop_reading()
            self._ring = None
            return False
        if self._reading is None:
            self._reading = self._feed.open(self._ring.end if self._ring else None)
        try:
            self._publish(await self._reading.next())
        except HistoryLost as error:
            log.warning("stream_reset", reason=str(error), watchers=len(self._live))
            await self._stop_reading()
            self._ring = None
            for watcher in list(self._live):
                self._begin_anew(watcher)
        except BaseException:
            await self._stop_reading()
            raise
        return True

    def _publish(self, batch: Batch) -> None:
        if self._ring is None:
            self._ring = Ring(batch.position)
        else:
            self._ring.add(batch.events, batch.position)
        for told in batch.events:
            self._metrics.stream_events.labels(told.kind.value).inc()
        for watcher in list(self._live):
            if watcher.is_new:
                watcher.welcome(batch.position)
            else:
                watcher.offer(batch.events, batch.position)

    def _attach(self, watcher: Watcher) -> bool:
        """Go on with everybody else, if the ring reaches back to where the watcher is."""
        ring = self._ring_at(watcher)
        if ring is None:
            return False
        missed = ring.after(watcher.position or "")
        if len(missed) > watcher.room:
            return False
        watcher.offer(missed, ring.end)
        self._live.add(watcher)
        return True

    def _ring_at(self, watcher: Watcher) -> Ring | None:
        """The ring, if it reaches back to where the watcher is."""
        ring, position = self._ring, watcher.position
        return ring if ring is not None and position is not None and ring.reaches(position) else None

    def _begin_anew(self, watcher: Watcher) -> None:
        watcher.reset()
        self._live.add(watcher)

    async def _bring_up(self, watcher: Watcher) -> None:
        """Tell a watcher what happened since their position, until they can go on with everybody else."""
        failures = 0
        while not watcher.has_ended:
            try:
                await self._tell_recent(watcher)
                if watcher in self._live:
                    return
                async with self._few:
                    await self._tell_past(watcher)
            except HistoryLost:
                self._begin_anew(watcher)
                return
            except (DatabaseError, TimeoutError) as error:
                failures += 1
                log.warning("past_not_told", error=in_words(error))
                await asyncio.sleep(back_off_s(0.5, failures, 10.0))

    async def _tell_recent(self, watcher: Watcher) -> None:
        """What the ring holds, as the watcher takes it: all of it at once may be more than one lets wait."""
        while not watcher.has_ended and not self._attach(watcher) and (ring := self._ring_at(watcher)) is not None:
            missed = ring.after(watcher.position or "")[: max(watcher.room, 1)]
            watcher.offer(missed, missed[-1].token)
            await watcher.has_room()

    async def _tell_past(self, watcher: Watcher) -> None:
        """What lies before the ring."""
        reading = self._feed.open(watcher.position)
        try:
            while not watcher.has_ended and self._ring_at(watcher) is None:
                batch = await reading.next()
                watcher.offer(batch.events, batch.position)
                await watcher.has_room()
        finally:
            await reading.close()

    async def _stop_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            await reading.close()
