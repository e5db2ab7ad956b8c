"""The way of checked events, in groups: conflict or not, published or not, remembered. 202 only after Kafka's
confirmation.

Nobody has a task or a wait of its own here. Events gather before each of three stages, and each stage makes one call
for all that wait: the fingerprints are looked up, the records go to Kafka, the new fingerprints are stored. Each event
is told by itself as soon as it is through, so that one partition that hangs holds up nobody else.
"""

from __future__ import annotations

import time
from collections import Counter as Counts
from functools import partial
from typing import Protocol

from prometheus_client import Counter

from services.intake.accepting.crowding import refuse_if_full
from services.intake.accepting.fingerprints import Fingerprint, Known, fingerprint_of
from services.intake.accepting.flights import Flights
from services.intake.accepting.offers import Offer, Taken
from services.intake.accepting.places import Places
from shared.election.roster import regency_of
from shared.events.envelope import Envelope
from shared.events.report import ReportEvent
from shared.gathering import Gathering
from shared.http.problems import Problem
from shared.kafka.posted import PublishFailed, Settled
from shared.metrics import Metrics
from shared.metrics.intake import NOT_CONFIRMED


class Publisher(Protocol):
    """`settled` hears the offset after all in-sync replicas have the record, or PublishFailed at the publish deadline,
    of which `waited_s` are gone already."""

    def post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        settled: Settled,
        waited_s: float,
    ) -> object: ...


class Acceptor:
    """Each event that waits has one of the `places`, so that a broker that hangs cannot fill the memory, and an agency
    that floods us cannot keep the others out."""

    def __init__(self, publisher: Publisher, known: Known, metrics: Metrics, places: Places) -> None:
        self._publisher = publisher
        self._known = known
        self._metrics = metrics
        self._places = places
        self._flights = Flights()
        self._counters: dict[tuple[str, str, bool], Counter] = {}  # as bounded as the names of agencies are
        metrics.in_flight_events.set_function(lambda: places.taken.events)
        metrics.in_flight_bytes.set_function(lambda: places.taken.size)
        # Single calls (False) wait for no line of a batch (True).
        self._lookups = {is_bulk: Gathering(self._look_up, self._fail) for is_bulk in (False, True)}
        self._memories = {is_bulk: Gathering(self._remember, self._fail) for is_bulk in (False, True)}

    def offer(self, offer: Offer) -> None:
        """Take an event on its way. An event that is known is published, too: its first record is in the log, so that
        consumers skip this one. Raises Problem 429 (the agency has its share of what may be under way) and 503."""
        refuse_if_full(self._places, offer.agency, len(offer.record), self._metrics)
        self._places.take(offer.agency, len(offer.record))
        offer.is_first = self._flights.is_free(offer.identity, offer.event.contenthash)
        if offer.is_first and not offer.is_dry_run:
            self._flights.begin(offer.identity, offer.event.contenthash)
        self._lookups[offer.is_bulk].add(offer)

    async def _look_up(self, offers: list[Offer]) -> None:
        known = await self._known.find_all([offer.identity for offer in offers])
        for offer in offers:
            offer.first = known.get(offer.identity)
            self._decide(offer)

    def _decide(self, offer: Offer) -> None:
        event, first = offer.event, offer.first
        if first is not None and first.hash != event.contenthash:
            self._end(offer, _conflict(event, first))
        elif first is None and not offer.is_first:
            self._end(offer, Problem(503, "unavailable", "unavailable_same_id", retry_after_s=1, id=event.id))
        elif offer.is_dry_run:
            self._end(offer, None)
        else:
            offer.posted_s = time.monotonic()
            key, waited_s = regency_of(event.subject).encode(), offer.posted_s - offer.began_s
            settled = partial(self._settle, offer)
            self._publisher.post(offer.topic.name, key, offer.record, offer.headers, settled, waited_s)

    def _settle(self, offer: Offer, outcome: int | Exception) -> None:
        if isinstance(outcome, PublishFailed):
            self._metrics.turned_away.labels(NOT_CONFIRMED).inc()
            # The record may be in the log all the same; the id, ours or the sender's, makes the retry safe.
            problem = Problem(503, "unavailable", "unavailable_publish", id=offer.event.id)
            problem.__cause__ = outcome
            self._end(offer, problem)
        elif isinstance(outcome, Exception):
            self._end(offer, outcome)
        else:
            offer.posted_s = time.monotonic() - offer.posted_s
            self._memories[offer.is_bulk].add(offer)

    async def _remember(self, offers: list[Offer]) -> None:
        """The last stage of what is in the log: what is new is stored, then all are told."""
        self._metrics.publish_seconds.observe_many(Counts(offer.posted_s for offer in offers))
        new = [fingerprint_of(offer.event) for offer in offers if offer.first is None]
        if new:
            await self._known.remember_all(new)
        for offer in offers:
            self._end(offer, None)

    def _fail(self, offers: list[Offer], defect: Exception) -> None:
        for offer in offers:
            self._end(offer, defect)

    def _end(self, offer: Offer, failure: Exception | None) -> None:
        if offer.is_over:
            return
        offer.is_over, event = True, offer.event
        self._places.give_back(offer.agency, len(offer.record))
        if offer.is_first and not offer.is_dry_run:
            self._flights.end(offer.identity)
        if failure is not None:
            offer.heard(failure)
            return
        first = offer.first
        if not offer.is_dry_run:
            self._count(offer)
        if first is None:
            offer.heard(Taken(event.id, event.type, event.subject, event.period, False))
        else:
            offer.heard(Taken(event.id, first.type, first.region, first.period, True))

    def _count(self, offer: Offer) -> None:
        """One more that is answered 202. (To look for the counter by its labels costs five times as much.)"""
        labels = (self._metrics.agency_name(offer.agency), offer.kind, offer.first is not None)
        counter = self._counters.get(labels)
        if counter is None:
            agency, kind, is_duplicate = labels
            counter = self._metrics.accepted.labels(agency, kind, str(is_duplicate).lower())
            self._counters[labels] = counter
        counter.inc()


def _conflict(event: Envelope, first: Fingerprint) -> Problem:
    """What says how to go on: a report can be corrected by another one, nothing else can."""
    are_reports = event.type == first.type == ReportEvent.type_name()
    return Problem(409, "conflict", "conflict_report" if are_reports else "conflict_detail", id=event.id)
