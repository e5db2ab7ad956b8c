"""Keeps the stack's processes running, and ends them in order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from desk.stack.errors import StackError
from desk.stack.process import Process, Register
from shared.loops import back_off_s

STEADY_S = 60.0
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 15.0

Start = Callable[[Register], Process]
Hurried = Callable[[], bool]


class Child:
    """One process that is started again, always by the same call, when it died. `label` is its name for people.

    `after_restart` makes up for what the death lost; it may raise StackError.
    """

    def __init__(
        self, name: str, label: str, start: Start, grace_s: float, after_restart: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self.label = label
        self.grace_s = grace_s
        self.process: Process | None = None
        self._start = start
        self._after_restart = after_restart
        self._failures = 0
        self._started_at = 0.0
        self._retry_at: float | None = None

    def start(self) -> Process:
        """Raises StackError."""
        self._started_at = time.monotonic()
        self._retry_at = None
        return self._start(self._keep)

    def poll(self) -> str | None:
        """Start it again if it died and its back-off is over; what happened, in words, or None.

        The first restart is immediate, each further one waits twice as long, up to 15 s; a minute of life is
        forgiven everything.
        """
        now = time.monotonic()
        if self._retry_at is not None:
            return f"{self.label} {self._restart(now)}" if now >= self._retry_at else None
        if self.process is None or self.process.alive:
            return None
        died = f"{self.label} died ({self.process.returncode})"
        if now - self._started_at > STEADY_S:
            self._failures = 0
        delay_s = self._next_delay_s()
        if delay_s == 0:
            return f"{died}, {self._restart(now)}"
        self._retry_at = now + delay_s
        return f"{died}, it is started again in {delay_s:g} s; see {self.process.log_path}"

    def _restart(self, now: float) -> str:
        try:
            self.start()
            if self._after_restart is not None:
                self._after_restart()
        except StackError as error:
            delay_s = self._next_delay_s()
            self._retry_at = now + delay_s
            return f"could not be restarted, next try in {delay_s:g} s: {str(error).splitlines()[0]}"
        return "restarted"

    def _next_delay_s(self) -> float:
        delay_s = back_off_s(FIRST_DELAY_S, self._failures - 1, LONGEST_DELAY_S) if self._failures else 0.0
        self._failures += 1
        return delay_s

    def _keep(self, process: Process) -> None:
        self.process = process


def stop_together(children: Sequence[Child], is_hurried: Hurried) -> list[str]:
    """Ask all of them to end, wait for each up to its grace, kill the rest; the labels of those killed."""
    running = [(c, c.process) for c in children if c.process is not None and c.process.alive]
    for _, process in running:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
    asked_at = time.monotonic()
    killed = []
    for child, process in running:
        while process.wait(0.05) is None:
            if is_hurried() or time.monotonic() - asked_at > child.grace_s:
                killed.append(child.label)
                break
        process.kill()
    return killed
