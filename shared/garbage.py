"""When Python looks for circles of garbage. What is in no circle goes by itself, whatever is said here."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def settle_garbage() -> None:
    """What was made before lives as long as the process, and is looked at no more. Circles are looked for seldom: a
    batch of calls makes ten thousands of values that live until it is answered."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@contextmanager
def no_look_for_garbage() -> Iterator[None]:
    """None is looked for meanwhile. A batch of 2,000 events makes some hundred thousand values that live until it is
    written, and each look goes through all of them, for nothing: 6 us an event. What there is of circles is found
    afterwards: what was made meanwhile counts towards the next look."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
