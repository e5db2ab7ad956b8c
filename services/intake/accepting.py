"""The way of a checked event: conflict or not, published or not, remembered. 202 only after Kafka's confirmation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Protocol

from pydantic import BaseModel, Field

from services.intake.crowding import place_in
from services.intake.fingerprints import Fingerprint, Known, fingerprint_of
from services.intake.places import Places
from shared.election.roster import regency_of
from shared.events.codec import CONTENT_TYPE, encode
from shared.events.envelope import Envelope
from shared.http.problems import Problem
from shared.kafka.producer import PublishFailed
from shared.logs import TRACEPARENT, traceparent
from shared.metrics import Metrics
from shared.metrics.intake import NOT_CONFIRMED
from shared.topics import Topic


class Publisher(Protocol):
    """Returns after all in-sync replicas have the record. Raises PublishFailed at the publish deadline, of which
    `waited_s` are gone already."""

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]], waited_s: float
    ) -> object: ...


class Accepted(BaseModel):
    """The event is stored and will be counted once."""

    id: str = Field(description="yours, or the one we gave it")
    type: str
    region: str
    period: date | None = Field(description="what a report is for; null for everything else")
    duplicate: bool = Field(description="whether the same content was accepted under this id before")


class Acceptor:
    """Each event that waits has one of the `places`, so that a broker that hangs cannot fill the memory, and an agency
    that floods us cannot keep the others out."""

    def __init__(self, publisher: Publisher, known: Known, metrics: Metrics, places: Places) -> None:
        self._publisher = publisher
        self._known = known
        self._metrics = metrics
        self._places = places
        metrics.in_flight_events.set_function(lambda: places.taken.events)
        metrics.in_flight_bytes.set_function(lambda: places.taken.size)
        self._flying: dict[str, tuple[str, int]] = {}  # identity -> hash of what is under way, how many calls carry it

    async def accept(self, event: Envelope, topic: Topic, is_dry_run: bool, began_s: float) -> Accepted:
        """Publish an event, a known one as well: its first record is in the log, so that consumers skip this one.

        A dry run publishes and remembers nothing. `began_s` (monotonic) is when the event was received: the publish
        deadline counts from there. Raises Problem 409 (other content under this id), 429 (the agency has its share of
        what may be under way) and 503.
        """
        fingerprint = fingerprint_of(event)
        record = encode(event)
        with (
            place_in(self._places, event.agency, len(record), self._metrics),
            self._flight(fingerprint, is_dry_run) as is_first,
        ):
            first = await self._known.find(event.identity)
            if first is not None and first.hash != fingerprint.hash:
                raise Problem(409, "conflict", "conflict_detail", id=event.id)
            if first is None and not is_first:
                raise Problem(503, "unavailable", "unavailable_same_id", retry_after_s=1, id=event.id)
            if not is_dry_run:
                await self._publish(event, record, topic, began_s)
                if first is None:
                    await self._known.remember(fingerprint)
        return _answer(event.id, first or fingerprint, is_duplicate=first is not None)

    @contextmanager
    def _flight(self, fingerprint: Fingerprint, is_dry_run: bool) -> Iterator[bool]:
        """Whether no other content is under way under this id. Until one of them is remembered nobody can tell which
        will be the first; several copies of the same content may fly together, and a dry run is in nobody's way."""
        identity = fingerprint.identity
        digest, calls = self._flying.get(identity, (fingerprint.hash, 0))
        if is_dry_run or digest != fingerprint.hash:
            yield digest == fingerprint.hash
            return
        self._flying[identity] = (digest, calls + 1)
        try:
            yield True
        finally:
            digest, calls = self._flying.pop(identity)
            if calls > 1:
                self._flying[identity] = (digest, calls - 1)

    async def _publish(self, event: Envelope, record: bytes, topic: Topic, began_s: float) -> None:
        key = regency_of(event.subject).encode()
        headers = [("content-type", CONTENT_TYPE.encode()), (TRACEPARENT, traceparent().encode())]
        now_s = time.monotonic()
        try:
            await self._publisher.publish(topic.name, key, record, headers, now_s - began_s)
        except PublishFailed as error:
            self._metrics.turned_away.labels(NOT_CONFIRMED).inc()
            # The record may be in the log all the same; the id, ours or the sender's, makes the retry safe.
            raise Problem(503, "unavailable", "unavailable_publish", id=event.id) from error
        self._metrics.publish_seconds.observe(time.monotonic() - now_s)


def _answer(event_id: str, fingerprint: Fingerprint, is_duplicate: bool) -> Accepted:
    return Accepted(
        id=event_id,
        type=fingerprint.type,
        region=fingerprint.region,
        period=fingerprint.period,
        duplicate=is_duplicate,
    )
