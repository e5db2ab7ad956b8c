"""Which lines of a window may go at the same time, pure.

A batch means the same as its lines one after the other. Most have nothing to do with each other; but the second line
with an id must find the first, and a withdrawal the report that stands above it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def in_waves(touched: Sequence[Collection[str]]) -> list[list[int]]:
    """The lines' places in waves to be taken one after the other. `touched` are the ids that a line has or means: of
    two lines that share one the later line is in a later wave."""
    if sum(map(len, touched)) == len(set().union(*touched)):  # nobody shares: the most there are
        return [list(range(len(touched)))] if touched else []
    waves: list[list[int]] = []
    latest: dict[str, int] = {}
    for place, ids in enumerate(touched):
        wave = 1 + max((latest[one] for one in ids if one in latest), default=-1)
        latest.update(dict.fromkeys(ids, wave))
        if wave == len(waves):
            waves.append([])
        waves[wave].append(place)
    return waves
