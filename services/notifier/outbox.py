"""The outbox: verdicts and alert changes onto `desk.alerts`, marked published after the ack.

Dies between ack and mark: published again under the same event id, which every reader skips as a duplicate.
"""

from __future__ import annotations

import asyncio

from services.notifier import causes, rules
from services.notifier.alerts import alerts
from services.notifier.store import Store
from services.notifier.verdicts import obligations, verdict_events
from shared.election.roster import regency_of
from shared.events.alert import AlertEvent
from shared.events.codec import CONTENT_TYPE, encode
from shared.events.envelope import Envelope
from shared.events.verdict import VerdictEvent
from shared.exactly_once.dead_letters import Publisher
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.mongo import Document
from shared.topics import ALERTS
from shared.tracing.places import TRACEPARENT, Place

log = get_logger(__name__)


class Outbox:
    def __init__(self, store: Store, publisher: Publisher, metrics: Metrics) -> None:
        self._store, self._publisher, self._metrics = store, publisher, metrics

    async def step(self) -> bool:
        """Publish what some documents have to tell; whether there was any. Raises PublishFailed: tried again."""
        store = self._store
        judged = await store.waiting(obligations.COLLECTION, "unpublished")
        told = await store.waiting(alerts.COLLECTION, "unpublished")
        await asyncio.gather(
            self._publish_all(obligations.COLLECTION, [(o, self._new_verdicts(o)) for o in judged]),
            self._publish_all(alerts.COLLECTION, [(a, [alerts.to_event(a)]) for a in told]),
        )
        return bool(judged or told)

    def _new_verdicts(self, obligation: Document) -> list[Envelope]:
        events = verdict_events.of_obligation(obligation)
        return [event for event in events if event.data.revision > obligation.get("published", 0)]

    async def _publish_all(self, collection: str, waiting: list[tuple[Document, list[Envelope]]]) -> None:
        """What is published is marked, whatever happens to the others."""
        outcomes = await asyncio.gather(
            *(self._publish_in_order(document, events) for document, events in waiting), return_exceptions=True
        )
        pairs = zip(waiting, outcomes, strict=True)
        done = [document for (document, _), outcome in pairs if outcome is None]
        await self._store.keep_published(collection, done)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _publish_in_order(self, document: Document, events: list[Envelope]) -> None:
        for event in events:  # one after the other: a region's verdicts keep their order
            await self._publish(event, causes.place_of(document, event.id))

    async def _publish(self, event: Envelope, place: Place) -> None:
        headers = [("content-type", CONTENT_TYPE.encode()), (TRACEPARENT, place.traceparent.encode())]
        await self._publisher.publish(ALERTS.name, regency_of(event.subject).encode(), encode(event), headers)
        if isinstance(event, VerdictEvent):
            self._metrics.verdicts.labels(event.data.verdict.value).inc()
        elif isinstance(event, AlertEvent):
            self._metrics.alerts.labels(event.data.rule, event.data.state.value).inc()
            if not rules.is_digested(event.data.rule):  # of the others there may be thousands at once
                log.info("alert", change=event.id, state=event.data.state.value, trace_id=place.trace_id)
