"""The one way in: whoever sends what, by a single call, in a batch or by the form, it passes here.

The order of the checks is a promise to clients: 401, 429, 415, 413, 408, 422, 403, 409, 503.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request

from services.intake.accepting import Accepted, Acceptor
from services.intake.checks import Receipt
from services.intake.crowding import place_in
from services.intake.fingerprints import Known
from services.intake.places import MiB, Places
from services.intake.rate_limits import RateLimits
from services.intake.submissions.body import Body, WrongFields
from services.intake.turnstile import Turnstile
from shared.access.keys import Grant
from shared.access.store import AccessStore
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.events.envelope import Envelope, identity_of
from shared.field_errors import Word
from shared.http.auth import grant_of
from shared.http.problems import Problem, invalid
from shared.http.raw_body import read_raw
from shared.metrics import Metrics
from shared.metrics.few_names import NOBODY, PEOPLE

# Of the single bodies that are being received: slow ones take their time.
MOST_UPLOADS, MOST_UPLOADING_BYTES = 1_000, 64 * MiB


@dataclass
class Sender:
    """Whose key a call has, as far as that is known."""

    grant: Grant | None = None


@dataclass(frozen=True)
class Door:
    """The live parts that a submission passes."""

    access: AccessStore
    calendar: Calendar
    clock: Clock
    acceptor: Acceptor
    fingerprints: Known
    metrics: Metrics
    limits: RateLimits
    body_limit_bytes: int
    body_timeout_s: float = 30.0
    turnstile: Turnstile = field(default_factory=Turnstile)
    uploads: Places = field(default_factory=lambda: Places(MOST_UPLOADS, MOST_UPLOADING_BYTES))

    async def let_in(self, request: Request, sender: Sender) -> Grant:
        """The rights of a request's key, when one more event is within the agency's rate. Raises Problem 401, 429,
        503."""
        grant = sender.grant = await grant_of(request, self.access)
        self.admit(grant)
        return grant

    def admit(self, grant: Grant) -> None:
        """Count one more event within the agency's rate. Raises Problem 429."""
        self.limits.admit(grant, self.clock.now())

    async def body_of(self, request: Request, grant: Grant) -> bytes:
        """The raw body of a single submission. Raises Problem 408, 413, 415; 429, 503 where too many come in at once:
        what a slow sender has sent so far takes room too."""
        with place_in(self.uploads, grant.holder, self.body_limit_bytes, self.metrics):
            return await read_raw(request, self.body_limit_bytes, self.body_timeout_s)

    def receipt(self, header_id: str | None = None) -> Receipt:
        """What is known at this moment. Take it after the last byte has come in: from `received_at` to the log only
        the publish deadline may pass, or a slow upload that began before a deadline could be accepted after the
        region was judged as missing."""
        return Receipt(self.calendar, self.clock.now(), header_id)

    async def take(self, grant: Grant, body: Body, receipt: Receipt, is_dry_run: bool) -> Accepted:
        """Take one submission that was read, or refuse it. Raises Problem 403, 409, 422, 429, 503."""
        began_s = time.monotonic()
        agency = _agency_that_may_send(grant, body)
        event_id = body.id or receipt.header_id or body.default_id(agency, receipt)
        event = await self._event(agency, event_id, body, receipt)
        accepted = await self.acceptor.accept(event, body.topic, is_dry_run, began_s)
        if not is_dry_run:
            duplicate = str(accepted.duplicate).lower()
            self.metrics.accepted.labels(self.metrics.agency_name(agency), body.called, duplicate).inc()
        return accepted

    @contextmanager
    def counting_refusals(self, called: str, grant: Grant | None = None) -> Iterator[Sender]:
        """Counts a Problem that passes, under the kind's name and the agency's; `let_in` tells whose key it is."""
        sender = Sender(grant)
        try:
            yield sender
        except Problem as problem:
            self.count_refusal(called, sender.grant, problem)
            raise

    def count_refusal(self, called: str, grant: Grant | None, problem: Problem) -> None:
        """One more, by who holds the key: what else a request says of its agency is not believed."""
        if grant is None:
            agency = NOBODY
        else:
            agency = PEOPLE if grant.agency is None else self.metrics.agency_name(grant.agency)
        self.metrics.refused.labels(agency, called, problem.title).inc()

    async def _event(self, agency: str, event_id: str, body: Body, receipt: Receipt) -> Envelope:
        meant_id = body.report_meant()
        meant = await self.fingerprints.find(identity_of(agency, meant_id)) if meant_id else None
        try:
            return body.to_event(agency, event_id, receipt, meant)
        except WrongFields as error:
            if meant_id and meant is None and self.fingerprints.is_resting:
                raise Problem(503, "unavailable", "unavailable_report_meant", id=meant_id) from None
            raise invalid(error.errors) from None


def _agency_that_may_send(grant: Grant, body: Body) -> str:
    """The agency behind a key that may send this. Raises Problem 403; a person's key belongs to no agency."""
    if grant.agency is None:
        raise Problem(403, "forbidden", "forbidden_person", name=grant.name)
    right = body.right(grant.agency)
    if not grant.may_send(right, body.region):
        kind = Word(f"right_{right}")
        raise Problem(403, "forbidden", "forbidden_send", name=grant.name, kind=kind, region=body.region)
    return grant.agency
