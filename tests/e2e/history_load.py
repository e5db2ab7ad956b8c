"""Clients of the history test: they send a plan's tasks and note every attempt with its answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.history import Attempt, Outcome
from tests.e2e.history_plan import Parcel, Sending, Task

# Longer than intake may take for an answer (10 s): a client that leaves earlier would not see it break the bound.
PATIENCE_S = 20.0
PAUSE_S = 0.3
GIVE_UP_S = 90.0
TRY_AGAIN = 429


@dataclass(frozen=True)
class Exchange:
    """How one sending ended: `status` is None without an answer, `retry_after` without that hint."""

    outcome: Outcome
    status: int | None = None
    retry_after: str | None = None
    answer: Any = None

    @property
    def is_for_good(self) -> bool:
        return self.outcome in (Outcome.ACCEPTED, Outcome.REFUSED) and self.status != TRY_AGAIN


@dataclass
class Notes:
    """What the clients saw, of all threads."""

    attempts: list[Attempt] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)  # answers that nobody expected


class Clients:
    """`replicas` are intake's addresses, `keys` the agencies' keys. Safe for threads."""

    def __init__(self, replicas: Sequence[str], keys: Mapping[str, str], notes: Notes) -> None:
        self._replicas = [urlsplit(base).netloc for base in replicas]
        self._keys = keys
        self.notes = notes

    def perform(self, task: Task, first: int) -> None:
        """Send all of a task at the same moment, the first through the replica number `first`, the others through
        the next ones; return when all are answered for good, or given up."""
        gate = threading.Barrier(len(task))

        def begin(parcel: Parcel, number: int) -> None:
            gate.wait(PATIENCE_S)
            self.persist(parcel, number)

        with ThreadPoolExecutor(len(task)) as pool:
            futures = [pool.submit(begin, parcel, first + n) for n, parcel in enumerate(task)]
        for future in futures:
            future.result()

    def persist(self, parcel: Parcel, first: int) -> list[Exchange]:
        """As an agency's client does: what had a 503, a 429 or no answer goes out again, under the same ids, to
        another replica. How each sending ended at last, in their order."""
        number, deadline = first, time.monotonic() + GIVE_UP_S
        ended = self.attempt(parcel, number)
        while left := [n for n, s in enumerate(parcel) if not ended[n].is_for_good and s.patience_s is None]:
            assert time.monotonic() < deadline, f"never answered for good: {parcel[left[0]]}, {ended[left[0]]}"
            time.sleep(PAUSE_S)
            number += 1
            for n, exchange in zip(left, self.attempt(tuple(parcel[n] for n in left), number), strict=True):
                ended[n] = exchange
        return ended

    def attempt(self, parcel: Parcel, number: int) -> list[Exchange]:
        """One request to the replica of that number, noted; how each sending ended, in their order."""
        began = time.monotonic()
        exchanges = self._request(parcel, self._replicas[number % len(self._replicas)])
        ended = time.monotonic()
        for sending, exchange in zip(parcel, exchanges, strict=True):
            is_duplicate = exchange.outcome is Outcome.ACCEPTED and bool(exchange.answer["duplicate"])
            found = exchange.outcome, began, ended, exchange.status, is_duplicate, len(parcel) > 1
            self.notes.attempts.append(Attempt(sending.identity, sending.content.mark, *found))
            if _is_surprising(sending, exchange):
                self.notes.surprises.append(f"{sending} was answered {exchange}")
        return exchanges

    def _request(self, parcel: Parcel, address: str) -> list[Exchange]:
        connection = http.client.HTTPConnection(address, timeout=parcel[0].patience_s or PATIENCE_S)
        path, body, content_type = _request_of(parcel)
        headers = {"Authorization": f"Bearer {self._keys[parcel[0].agency]}", "Content-Type": content_type}
        answered: list[Exchange] = []
        try:
            connection.connect()
        except OSError:
            return [Exchange(Outcome.NOT_SENT)] * len(parcel)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            if answer.status == http.client.OK:
                for line in answer:  # what came before the connection breaks has been answered
                    answered.append(_of_line(json.loads(line), len(answered) + 1))
            else:
                told = answer.headers["Retry-After"], json.loads(answer.read())
                answered = [Exchange(_outcome(answer.status), answer.status, *told)] * len(parcel)
        except (OSError, http.client.HTTPException, ValueError):  # ValueError: cut off in the middle of a line
            pass
        finally:
            connection.close()
        return answered + [Exchange(Outcome.UNCERTAIN)] * (len(parcel) - len(answered))


def _request_of(parcel: Parcel) -> tuple[str, bytes, str]:
    """Path, body and type of the call for one, or of the batch for several."""
    if len(parcel) == 1:
        (one,) = parcel
        return one.content.path, one.content.payload(one.event_id), "application/json"
    lines = [sending.content.line(sending.event_id) for sending in parcel]
    return "/v1/batch", b"\n".join(lines), "application/x-ndjson"


def _of_line(result: Mapping[str, Any], number: int) -> Exchange:
    """A batch's answer to the line of that number."""
    assert result["line"] == number, f"{result} is not the answer to line {number}"
    return Exchange(_outcome(result["status"]), result["status"], result.get("retry_after"), result)


def _outcome(status: int) -> Outcome:
    if status == http.client.ACCEPTED:
        return Outcome.ACCEPTED
    return Outcome.REFUSED if 400 <= status < 500 else Outcome.UNCERTAIN


def _is_surprising(sending: Sending, exchange: Exchange) -> bool:
    """A 202 repeats what was sent; what is refused for good was meant to be; 500 is nobody's answer."""
    if exchange.outcome is Outcome.ACCEPTED:
        told = tuple(exchange.answer[name] for name in ("id", "type", "region"))
        meant = sending.event_id, sending.content.type, sending.content.region
        return http.client.ACCEPTED not in sending.expected or told != meant
    if exchange.outcome is Outcome.REFUSED:
        return exchange.status not in sending.expected | {TRY_AGAIN}
    return exchange.status not in (None, http.client.SERVICE_UNAVAILABLE)
