"""The database was lost: alerts and verdicts come back from `desk.alerts`, before anything is read, judged or told.

A mark in the database says that it is whole. Without it nothing is begun; where it vanishes while we run, the process
ends and its next start rebuilds. Dies anywhere: without the mark the next start begins anew, and what is rebuilt
already is left as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from services.notifier.alerts import alerts
from services.notifier.moments.proof import LogOffsets
from services.notifier.rebuild import rebuilt
from services.notifier.rebuild.rebuilding_store import RebuildingStore
from services.notifier.rules import cannot_evaluate, missing_report
from services.notifier.store import Store
from services.notifier.telling import digests
from services.notifier.telling.digest_store import DigestStore
from services.notifier.verdicts import obligations
from services.notifier.verdicts.judgements import unread
from shared.election.calendar import Calendar
from shared.events.alert import AlertEvent
from shared.events.codec import BadEvent, decode
from shared.events.verdict import VerdictEvent
from shared.exactly_once.guard import OtherLog
from shared.kafka.limits import CALL_TIMEOUT_S
from shared.logs import get_logger
from shared.loops import leave_process
from shared.topics import ALERTS, REPORTS

log = get_logger(__name__)

PORTION = 2000
Event = AlertEvent | VerdictEvent


class Value(Protocol):
    """A record of the log, as far as we look at it."""

    value: bytes | None


class Rebuilding:
    """`read` reads `desk.alerts` from its beginning to its end; `is_behind` says whether the database has read less
    than the group has committed."""

    def __init__(
        self,
        store: Store,
        calendar: Calendar,
        offsets: LogOffsets,
        read: Callable[[], AsyncGenerator[Any, None]],
        is_behind: Callable[[], Awaitable[bool]],
    ) -> None:
        self._store, self._calendar, self._offsets = store, calendar, offsets
        self._state, self._digests = RebuildingStore(store.database), DigestStore(store.database)
        self._read, self._is_behind = read, is_behind

    async def run(self) -> None:
        """Rebuild what the database lacks; returns when it is whole. Raises KafkaError, TopicUnread, TimeoutError,
        DatabaseError: to be begun anew."""
        if await self._is_whole():
            return
        number, portion = 0, list[Event]()
        async with aclosing(self._read()) as records:
            async for record in records:
                portion.extend(_event_in(record))
                if len(portion) >= PORTION:
                    await self._apply(portion)
                    number, portion = number + len(portion), []
                    log.info("rebuilding", events=number)
        await self._apply(portion)
        await self._settle()
        await self._wait_again()
        await self._number_digests()
        await self._state.keep_whole(await self._offsets.ends(REPORTS.name))
        log.info("rebuilt", events=number + len(portion))

    async def step(self) -> bool:
        """Once the reports are read again: let rebuilt obligations go on; whether there was work. Ends the process
        where the database was lost under it."""
        state = await self._state.state()
        if state is None:
            leave_process("the database was lost while we ran", None)
        if not state["to_read"]:
            return False
        ends = {int(p): (begin, end) for p, (begin, end) in state["to_read"].items()}
        try:
            if unread(ends, await self._offsets.committed(REPORTS.name, list(ends))):
                return False
        except (KafkaError, TimeoutError, OtherLog):
            return False
        waiting = await self._store.waiting(obligations.COLLECTION, "unread")
        await self._store.update_all(obligations.COLLECTION, {o["_id"]: obligations.read_again for o in waiting})
        if not waiting:
            await self._state.keep_read()
        return bool(waiting)

    async def leave_if_lost(self) -> None:
        """Before the log is read again: not into a database that has to be rebuilt first."""
        if await self._state.state() is None:
            leave_process("the database was lost while we ran", None)

    async def _is_whole(self) -> bool:
        """Kafka being away is no reason not to begin with a database that has the mark."""
        if await self._state.state() is None:
            return False
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return not await self._is_behind()
        except (KafkaError, TimeoutError):
            return True

    async def _apply(self, events: list[Event]) -> None:
        told: dict[str, AlertEvent] = {}
        judged: dict[str, list[VerdictEvent]] = defaultdict(list)
        for event in events:
            if isinstance(event, AlertEvent):
                known = told.get(event.data.alert)
                if known is None or known.data.revision < event.data.revision:
                    told[event.data.alert] = event
            else:
                judged[obligations.obligation_id(event.data.period, event.subject)].append(event)
        await self._store.update_all(
            alerts.COLLECTION, {i: partial(rebuilt.alert_after, event=event) for i, event in told.items()}
        )
        await self._store.update_all(
            obligations.COLLECTION,
            {i: partial(rebuilt.obligation_after, events=e, calendar=self._calendar) for i, e in judged.items()},
        )

    async def _settle(self) -> None:
        """Say of each rebuilt alert which verdict it stands at. A verdict that was published and raised no alert yet
        is settled next, as if nothing had happened."""
        async for portion in self._state.unsettled_portions(PORTION):
            by_alert = {missing_report.alert_id_of(o): o for o in portion}
            known = await self._store.update_all(
                alerts.COLLECTION, {i: partial(missing_report.rebuilt, obligation=o) for i, o in by_alert.items()}
            )
            untold = {
                o["_id"] for i, o in by_alert.items() if known[i]["verdict_revision"] < o["verdicts"][-1]["revision"]
            }
            await self._store.update_all(obligations.COLLECTION, dict.fromkeys(untold, obligations.unsettled))

    async def _wait_again(self) -> None:
        """Judgements whose alert about ourselves still fires are known to be waited for: judging them ends it."""
        async for alert in self._state.firing(cannot_evaluate.NAME):
            await self._state.keep_waited_for(alert["period"], alert["raised_at"])

    async def _number_digests(self) -> None:
        """Go on with numbers of digests that were never given: each told of a change at least, so there were no more
        of them than changes. Else a receiver would take the next one for a repeat."""
        told: Counter[str] = Counter()
        async for alert in self._state.told_by_digest():
            told[digests.series_of(alert)] += alert["revision"]
        await self._digests.number_from(told)


def _event_in(record: Value) -> list[Event]:
    try:
        event = decode(ALERTS.name, record.value or b"")
    except BadEvent as error:
        log.warning("not_rebuilt", reason=str(error))
        return []
    assert isinstance(event, AlertEvent | VerdictEvent)
    return [event]
