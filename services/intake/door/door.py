"""The one way in: whoever sends what, by a single call, in a batch or by the form, it passes here.

The order of the checks is a promise to clients: 401, 429, 415, 413, 408, 422, 403, 409, 503.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from fastapi import Request

from services.intake.accepting.accepting import Acceptor
from services.intake.accepting.crowding import place_in
from services.intake.accepting.fingerprints import Fingerprint, Known
from services.intake.accepting.offers import Accepted, Heard, Offer, Taken, headers_here
from services.intake.accepting.places import MiB, Places
from services.intake.door.rate_limits import RateLimits
from services.intake.door.turnstile import Turnstile
from services.intake.submissions.body import Body, WrongFields
from services.intake.submissions.checks import Receipt
from shared.access.keys import Grant
from shared.access.store import AccessStore
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.events.codec import content_hash
from shared.events.envelope import Envelope, identity_of
from shared.field_errors import Word
from shared.http.auth import grant_of
from shared.http.problems import Problem, invalid
from shared.http.raw_body import read_raw
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.metrics.few_names import NOBODY, PEOPLE

log = get_logger(__name__)

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
        told: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        await self.bring(grant, body, receipt, is_dry_run, partial(_tell, told), headers_here())
        return Accepted(**(await told)._asdict())

    async def bring(
        self,
        grant: Grant,
        body: Body,
        receipt: Receipt,
        is_dry_run: bool,
        heard: Heard,
        headers: list[tuple[str, bytes]],
    ) -> None:
        """Offer one submission, after a look at the report that it speaks of. `heard` is told what `take` says."""
        try:
            began_s, agency = time.monotonic(), agency_that_may_send(grant, body)
            event_id = body.id or receipt.header_id or body.default_id(agency, receipt)
            spoken_of = body.spoken_of(agency, event_id)
            known = await self.fingerprints.find_all(spoken_of) if spoken_of else {}
            self.offer(agency, event_id, body, receipt, is_dry_run, began_s, heard, known, headers)
        except Exception as error:  # noqa: BLE001 - whoever asked makes an answer of it
            heard(error)

    def offer(
        self,
        agency: str,
        named: str | None,
        body: Body,
        receipt: Receipt,
        is_dry_run: bool,
        began_s: float,
        heard: Heard,
        known: Mapping[str, Fingerprint],
        headers: list[tuple[str, bytes]],
        is_bulk: bool = False,
    ) -> None:
        """Send one submission of an agency that may send it on its way; `heard` is told what became of it. `named`
        is an id from outside of the body, `known` what was accepted of all that it speaks of. Raises Problem 422, 429,
        503."""
        event_id = body.id or named or body.default_id(agency, receipt)
        event = self._event(agency, event_id, body, receipt, known)
        self.acceptor.offer(Offer(event, body.topic, body.called, is_dry_run, began_s, heard, headers, is_bulk))

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

    def _event(
        self, agency: str, event_id: str, body: Body, receipt: Receipt, known: Mapping[str, Fingerprint]
    ) -> Envelope:
        meant_id = body.report_meant()
        meant = known.get(identity_of(agency, meant_id)) if meant_id else None
        try:
            return body.to_event(agency, event_id, receipt, meant)
        except WrongFields as error:
            first = known.get(identity_of(agency, event_id))
            if meant and first and first.hash == content_hash(body.said()):
                # It was accepted when nobody knew the report yet, and is counted so: a retry gets the same answer.
                return body.to_event(agency, event_id, receipt, None)
            if meant is None and self.fingerprints.is_resting and meant_id:
                raise Problem(503, "unavailable", "unavailable_report_meant", id=meant_id) from None
            raise invalid(error.errors) from None


@contextmanager
def logging_refusals(grant: Grant, called: str) -> Iterator[None]:
    """Logs why somebody we know was refused, so that a complaint which quotes the answer's `X-Request-Id` finds it:
    keys of our texts and no value that was sent. Around what passed the rate alone, and not around each line of a
    batch: whoever floods us does not flood the log."""
    try:
        yield
    except Problem as problem:
        log_refusal(problem, grant, called)
        raise


def log_refusal(problem: Problem, grant: Grant, called: str) -> None:
    """As `logging_refusals`."""
    if problem.status < 500 and problem.status != 429:
        because, fields = problem.detail or problem.title, [error.reason for error in problem.errors[:5]]
        log.info("refused", kind=called, holder=grant.holder, status=problem.status, because=because, fields=fields)


def agency_that_may_send(grant: Grant, body: Body) -> str:
    """The agency behind a key that may send this. Raises Problem 403; a person's key belongs to no agency."""
    if grant.agency is None:
        raise Problem(403, "forbidden", "forbidden_person", name=grant.name)
    right = body.right(grant.agency)
    if not grant.may_send(right, body.region):
        kind = Word(f"right_{right}")
        raise Problem(403, "forbidden", "forbidden_send", name=grant.name, kind=kind, region=body.region)
    return grant.agency


def _tell(told: asyncio.Future[Taken], outcome: Taken | Exception) -> None:
    """To one who may have left."""
    if told.done():
        return
    if isinstance(outcome, Exception):
        told.set_exception(outcome)
    else:
        told.set_result(outcome)
