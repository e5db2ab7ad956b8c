"""The calls that come by the thousand, on the short way (`shared/http/short_way.py`): of an event's 400 us three
quarters went to what lies between a connection and the door.

The door's rules are the same functions, asked in the same order as by `api.take`, but step by step for all calls that
begin in one turn of the loop: the same code ten times in a row takes a third of what it takes among other code, as
neither the processor nor Python has to find it anew. What is unusual about a call's head (a key that is not at hand, a
header that stands twice, an `Idempotency-Key`, another media type, tracing) is left to `api.take`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import orjson

from services.intake.accepting.crowding import refuse_if_full
from services.intake.accepting.offers import Taken, headers_of
from services.intake.calls.plain_calls import PLAIN_CALLS
from services.intake.door.door import Door, agency_that_may_send, log_refusal
from services.intake.submissions.body import Body, WrongFields, read
from services.intake.submissions.checks import Receipt
from shared.access.keys import Grant
from shared.http.auth_header import key_in
from shared.http.problems import Problem, invalid, render, unexpected
from shared.http.short_way import Address, Answer, ShortWay
from shared.http.tracing import REQUEST_ID
from shared.texts import language_of
from shared.tracing import spans
from shared.tracing.places import TRACEPARENT, Place, here, new_place, place_in, unsampled

_JSON = (b"application/json", b"application/json; charset=utf-8")
_UNUSUAL = frozenset({b"content-encoding", b"idempotency-key", b"transfer-encoding"})
_TRACEPARENT, _REQUEST_ID = TRACEPARENT.encode(), REQUEST_ID.lower().encode()
_IS_JSON = (b"content-type", b"application/json")


@dataclass(eq=False, slots=True)
class _Call:
    body_type: type[Body]
    grant: Grant
    raw: bytes
    language: bytes
    place: Place
    answer: Answer
    receipt: Receipt = field(init=False)
    body: Body = field(init=False)


class ShortCalls:
    """Those of all kinds, over one door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._begun: list[_Call] = []  # in this turn of the loop
        self._looking: set[asyncio.Task[None]] = set()

    def come(self, body_type: type[Body], headers: list[tuple[bytes, bytes]], raw: bytes, answer: Answer) -> bool:
        """A ShortWay, of one kind."""
        head = dict(headers)
        if len(head) < len(headers) or not _UNUSUAL.isdisjoint(head) or head.get(b"content-type") not in _JSON:
            return False
        if len(raw) > self._door.body_limit_bytes or spans.are_made():
            return False
        key = key_in(head.get(b"authorization", b"").decode("latin-1"))
        grant = self._door.access.at_hand(key) if key is not None else None
        if grant is None:
            return False
        place = unsampled(place_in(head.get(_TRACEPARENT)) or new_place())
        call = _Call(body_type, grant, raw, head.get(b"accept-language", b""), place, answer)
        self._door.turnstile.enter(grant.holder, partial(self._begin, call))
        return True

    def _begin(self, call: _Call) -> None:
        """It is its turn."""
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._work)
        self._begun.append(call)

    def _work(self) -> None:
        calls, self._begun = self._begun, []
        for step in (self._admit, self._read, self._offer):
            calls = [call for call in calls if self._is_through(step, call)]

    def _admit(self, call: _Call) -> None:
        door, holder = self._door, call.grant.holder
        door.admit(call.grant)
        refuse_if_full(door.uploads, holder, door.body_limit_bytes, door.metrics)

    def _read(self, call: _Call) -> None:
        call.receipt = self._door.receipt()
        try:
            call.body = read(call.body_type, call.raw, call.receipt)
        except WrongFields as error:
            raise invalid(error.errors) from None

    def _offer(self, call: _Call) -> None:
        heard, headers = partial(self._tell, call), headers_of(call.place)
        if call.body.report_meant() is None:
            agency = agency_that_may_send(call.grant, call.body)
            self._door.offer(agency, None, call.body, call.receipt, False, time.monotonic(), heard, {}, headers)
            return
        looking = asyncio.create_task(self._door.bring(call.grant, call.body, call.receipt, False, heard, headers))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)

    def _tell(self, call: _Call, outcome: Taken | Exception) -> None:
        if isinstance(outcome, Taken):
            named = (_REQUEST_ID, call.place.trace_id.encode())
            call.answer(202, (_IS_JSON, named), orjson.dumps(outcome._asdict()))
        else:
            self._refuse(call, outcome)

    def _is_through(self, step: Callable[[_Call], None], call: _Call) -> bool:
        """Whether a call has passed a step; else it has its answer."""
        try:
            step(call)
        except Exception as error:  # noqa: BLE001 - this way's error handler
            self._refuse(call, error)
            return False
        return True

    def _refuse(self, call: _Call, error: Exception) -> None:
        """As the app's own handlers do, in the call's trace."""
        before = here.set(call.place)
        called = call.body_type.called
        try:
            if isinstance(error, Problem):
                problem = error
                self._door.count_refusal(called, call.grant, problem)
                log_refusal(problem, call.grant, called)
            else:
                problem = unexpected(error, called)
            answer = render(problem, language_of(call.language.decode("latin-1")))
            headers = [header for header in answer.raw_headers if header[0] != b"content-length"]
            call.answer(problem.status, [*headers, (_REQUEST_ID, call.place.trace_id.encode())], bytes(answer.body))
        finally:
            here.reset(before)


def short_calls(door: Door) -> Mapping[Address, ShortWay]:
    """By their addresses."""
    calls = ShortCalls(door)
    return {(b"POST", path.encode()): partial(calls.come, body_type) for path, body_type in PLAIN_CALLS.items()}
