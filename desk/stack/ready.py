"""Waiting, within bounds, until a started process really answers."""

import time
from collections.abc import Callable

from desk.stack.errors import StackError
from desk.stack.process import Process

POLL_S = 0.05

Probe = Callable[[], str | None]
"""None when ready, else why not yet. Itself bounded to a few seconds."""

Excerpt = Callable[[Process], str]
"""What a person should see of the log of a process that failed."""


def wait_until_ready(
    process: Process, probe: Probe, timeout_s: float, advice: str, excerpt: Excerpt = Process.tail
) -> None:
    """Return when `probe` says so.

    Raises StackError, with an excerpt of the log (its end by default) and `advice`, if the process dies first
    or is not ready after `timeout_s` seconds; it is dead then in both cases.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        not_yet = probe()
        if not process.alive:
            what = f"died while starting (exit code {process.returncode})"
            break
        if not_yet is None:
            return
        if time.monotonic() > deadline:
            process.kill()
            what = f"was not ready after {timeout_s:.0f} s ({not_yet})"
            break
        time.sleep(POLL_S)
    raise StackError(f"{process.name} {what}. {advice}\nFrom {process.log_path}:\n{excerpt(process)}")
