"""A window of a batch's lines on its way through the door: each line as if it had been a call of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from services.intake.accepting.offers import Taken, headers_here
from services.intake.batch.lines import Format, Line
from services.intake.batch.rehearsal import rehearsed
from services.intake.batch.told import Told
from services.intake.batch.waves import in_waves
from services.intake.door.door import Door, agency_that_may_send
from services.intake.submissions.body import Body, WrongFields
from services.intake.submissions.checks import Receipt
from shared.access.keys import Grant
from shared.http.problems import RETRY_AFTER_S, Problem, invalid
from shared.logs import get_logger
from shared.texts import Language
from shared.tracing.places import trace_id

log = get_logger(__name__)

WINDOW = 250  # lines at most; they share a receipt and wait for Kafka together
# So that a window of the longest lines stays within an agency's share of what may be under way (a quarter of 32 MiB),
# also where normalising makes a text three times as long.
WINDOW_BYTES = 2 * 1024 * 1024
MOST_ERRORS = 20  # of a line: ten thousand lines of nothing but wrong fields are no reason to fill the memory
ANY_KIND = "batch"  # what a refusal is counted under before its kind is known
_TURN_S = 0.005  # of validating before others have their turn: most lines take 50 us, the worst 15 ms

Outcome = Taken | Problem


@dataclass(frozen=True)
class Order:
    """What the sender wants with the batch. `id_prefix` is the header Idempotency-Key: it names the lines that have no
    id. `rights` are those of the key, asked for anew with each window: a revoked key ends a long batch too."""

    agency: str
    rights: Callable[[], Awaitable[Grant]]
    id_prefix: str | None
    is_dry_run: bool
    language: Language


def how_many(lines: Sequence[Line]) -> int:
    """How many of the lines that are here make the next window: at least one."""
    size = 0
    for count, line in enumerate(lines[:WINDOW]):
        size += len(line.raw or b"")
        if count and size > WINDOW_BYTES:
            return count
    return min(len(lines), WINDOW)


def untried() -> Problem:
    """What a line is answered that was not sent to a Kafka which keeps silent."""
    return Problem(503, "unavailable", "unavailable_untried", retry_after_s=RETRY_AFTER_S)


class Doorway:
    """The door for the lines of one batch. `gave_up` is what every further line is answered, untried: Kafka that
    confirms nothing, a key that was revoked, a rate that leaves no turn."""

    def __init__(self, door: Door, lines: Format, order: Order) -> None:
        self._door, self._lines, self._order = door, lines, order
        self._through = rehearsed(door) if order.is_dry_run else door
        self.gave_up: Problem | None = None

    async def take(self, window: Sequence[Line], grant: Grant) -> list[Outcome]:
        """One outcome a line. The receipt is taken when the lines are here and it is their turn, and anew before each
        wave: the log must have them within the publish deadline after it."""
        receipt = self._door.receipt()
        read = await self._read_all(window, grant, receipt)
        outcomes: dict[int, Outcome] = {n: one for n, one in enumerate(read) if isinstance(one, Problem)}
        bodies = {n: one for n, one in enumerate(read) if isinstance(one, Body)}
        ids = {n: self._id_of(window[n], body, receipt) for n, body in bodies.items()}
        places = list(bodies)
        for wave in in_waves([{ids[n], *bodies[n].ids_meant()} for n in places]):
            chosen = [places[i] for i in wave]
            taken = await self._take_wave(grant, [bodies[n] for n in chosen], [ids[n] for n in chosen])
            self._note(taken)
            outcomes.update(zip(chosen, taken, strict=True))
        return [outcomes[n] for n in range(len(window))]

    async def _read_all(self, window: Sequence[Line], grant: Grant, receipt: Receipt) -> list[Body | Problem]:
        read: list[Body | Problem] = []
        began_s = time.monotonic()
        for line in window:
            read.append(self._read(line, grant, receipt))
            if time.monotonic() - began_s > _TURN_S:
                await asyncio.sleep(0)
                began_s = time.monotonic()
        return read

    def _read(self, line: Line, grant: Grant, receipt: Receipt) -> Body | Problem:
        """A problem is returned and never raised: its traceback would keep all that was parsed for it."""
        if line.raw is None and not line.is_open:
            problem = Problem(413, "too_large", "too_large_detail", limit=self._door.body_limit_bytes)
        else:
            try:
                return self._lines.read(line, receipt)
            except WrongFields as error:
                problem = invalid(error.errors[:MOST_ERRORS])
        self._door.count_refusal(ANY_KIND, grant, problem)
        return problem

    def _id_of(self, line: Line, body: Body, receipt: Receipt) -> str:
        prefix = self._order.id_prefix
        numbered = f"{prefix}.{line.number}" if prefix is not None else None
        return body.id or numbered or body.default_id(self._order.agency, receipt)

    async def _take_wave(self, grant: Grant, bodies: Sequence[Body], ids: Sequence[str]) -> list[Outcome]:
        """All at once: one lookup, one record batch a partition, one store of what is new."""
        if self.gave_up is not None:
            return [self.gave_up] * len(bodies)
        told, agency = Told(len(bodies)), self._order.agency
        receipt, began_s, headers = self._door.receipt(), time.monotonic(), headers_here()
        lines = list(zip(bodies, ids, strict=True))
        spoken_of = [one for body, event_id in lines for one in body.spoken_of(agency, event_id)]
        known = await self._through.fingerprints.find_all(spoken_of) if spoken_of else {}
        for n, (body, event_id) in enumerate(lines):
            heard = partial(told.hear, n)
            try:
                agency_that_may_send(grant, body)
                self._through.offer(
                    agency, event_id, body, receipt, False, began_s, heard, known, headers, is_bulk=True
                )
            except Exception as error:  # noqa: BLE001 - of one line: what it is is said in `_outcome`
                heard(error)
        return [self._outcome(grant, body, one) for body, one in zip(bodies, await told.all(), strict=True)]

    def _outcome(self, grant: Grant, body: Body, outcome: Taken | Exception) -> Outcome:
        if isinstance(outcome, Taken):
            return outcome
        if isinstance(outcome, Problem):
            self._door.count_refusal(body.called, grant, outcome)
            return outcome
        return self._unexpected(outcome)

    def _unexpected(self, error: Exception) -> Problem:
        """A defect costs the line alone that met it."""
        log.error("unexpected", agency=self._order.agency, exc_info=error)
        return Problem(500, "internal", "internal_detail", trace=trace_id())

    def _note(self, taken: Sequence[Outcome]) -> None:
        """Kafka that confirmed nothing of a wave is not asked again: each try takes as long as the deadline."""
        unconfirmed = [one for one in taken if isinstance(one, Problem) and one.detail == "unavailable_publish"]
        if unconfirmed and not any(isinstance(one, Taken) for one in taken):
            self.gave_up = untried()
