"""The signals that ask us to stop, taken in another way for a while. On the main thread only."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Inside the block they go to `handler`; one that is ignored stays ignored."""
    with ExitStack() as restore:
        for number in STOP_SIGNALS:
            before = signal.getsignal(number)
            if before not in (None, signal.SIG_IGN):
                restore.callback(signal.signal, number, before)
                signal.signal(number, handler)
        yield


@contextmanager
def noted() -> Iterator[list[int]]:
    """Inside the block they interrupt nothing: the list says which came."""
    arrived: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    with handled_by(note):
        yield arrived
