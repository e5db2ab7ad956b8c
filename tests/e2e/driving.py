"""Sends a fortnight through a running stack: the clock stands at each instant in turn, services are killed on the way.

Nothing waits for the system at a boundary: right after the last answer of an instant the clock jumps to the next
one. That the verdicts are right all the same is the system's promise.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ALL_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from desk.running import RunningStack
from tests.e2e.calling import Answer, Caller
from tests.e2e.oracle import Accepted
from tests.e2e.submissions import AGENCY, Submission

CLIENTS = 32
SERVICES = ("intake", "aggregator", "notifier")


@dataclass
class Outcome:
    """What was accepted, in the order of the instants, and every answer that nobody expected."""

    accepted: list[Accepted] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    answers: list[tuple[Submission, Answer]] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)


class Driver:
    """`kill_at` says which services die while which group of submissions (counted from 0) is on its way."""

    def __init__(self, running: RunningStack, kill_at: dict[int, list[str]] | None = None) -> None:
        self._running, self._kill_at = running, kill_at or {}
        self._intake = Caller(running.intake, running.agency_key)
        self.outcome = Outcome()

    def send_all(self, submissions: Iterable[Submission]) -> Outcome:
        """`submissions` in order of receipt. Call from the main thread."""
        assert self._running.clock is not None
        assert self._running.agency == AGENCY
        with ThreadPoolExecutor(CLIENTS) as pool:
            for number, (at, group) in enumerate(groupby(submissions, key=lambda s: s.at)):
                self._running.clock.hold(at)
                sent = list(group)
                futures = [pool.submit(self._intake.send, submission) for submission in sent]
                for service in self._kill_at.get(number, []):
                    self._kill(service)
                self._wait_for(futures)
                self._note(sent, [future.result() for future in futures])
        return self.outcome

    def _kill(self, service: str) -> None:
        with suppress(ProcessLookupError):  # it may be dead already and wait for its restart
            os.kill(self._running.pids()[service], signal.SIGKILL)
        self.outcome.killed.append(service)

    def _wait_for(self, futures: Sequence[Future[Answer]]) -> None:
        while wait(futures, timeout=0.05, return_when=ALL_COMPLETED).not_done:
            self._running.poll()
        self._running.poll()

    def _note(self, sent: Sequence[Submission], answers: Sequence[Answer]) -> None:
        for submission, answer in zip(sent, answers, strict=True):
            self.outcome.answers.append((submission, answer))
            if answer.status not in submission.expected:
                self.outcome.surprises.append(f"{submission} was answered {answer}")
            if answer.status == 202:
                self.outcome.accepted.append(submission.accepted(self._running.agency))


def random_kills(seed: int, groups: int, many: int) -> dict[int, list[str]]:
    """Each service at least once, at random moments."""
    chosen = random.Random(seed)
    kills: dict[int, list[str]] = {}
    for n in range(many):
        kills.setdefault(chosen.randrange(groups), []).append(SERVICES[n % len(SERVICES)])
    return kills


def instants(submissions: Iterable[Submission]) -> int:
    return len({s.at for s in submissions})


def hold(running: RunningStack, at: datetime) -> None:
    assert running.clock is not None
    running.clock.hold(at)


def until_none(running: RunningStack, differences: Callable[[], list[str]], timeout_s: float) -> list[str]:
    """The differences that are left when there are none or the time is up; the stack is looked after meanwhile."""
    deadline = time.monotonic() + timeout_s
    with ThreadPoolExecutor(1) as pool:
        while True:
            looking = pool.submit(differences)
            while wait([looking], timeout=0.2).not_done:
                running.poll()
            found = looking.result()
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.5)
