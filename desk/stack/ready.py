"""Waiting, within bounds, until a started process really answers."""

import time
from collections.abc import Callable

from desk.stack.errors import StackError
from desk.stack.process import Process

POLL_S = 0.05

Probe = Callable[[], str | None]
"""None when ready, else why not yet. Itself bounded to a few seconds."""


def wait_until_ready(process: Process, probe: Probe, timeout_s: float, advice: str) -> None:
    """Return when `probe` says so.

    Raises StackError, with the end of the log and `advice`, if the process dies first or is not ready after
    `timeout_s` seconds; it is dead then in both cases.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        not_yet = probe()
        if not process.alive:
            raise StackError(
                _report(process, f"died while starting (exit code {process.returncode})", advice)
            )
        if not_yet is None:
            return
        if time.monotonic() > deadline:
            process.kill()
            raise StackError(_report(process, f"was not ready after {timeout_s:.0f} s ({not_yet})", advice))
        time.sleep(POLL_S)


def _report(process: Process, what: str, advice: str) -> str:
    return f"{process.name} {what}. {advice}\nThe end of {process.log_path}:\n{process.tail()}"
