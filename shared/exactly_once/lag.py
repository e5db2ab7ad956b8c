"""How old the oldest record is that waits to be counted. Pure.

The broker tells offsets, not times, of what nobody has fetched. But what waits in a partition came after the last
record that was read from it, and after the last moment at which nothing waited in it: the later of the two is as close
to the truth as two looks are to each other, and never says less than is so.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Where = TypeVar("Where", bound=Hashable)  # whatever names a partition


class Lag(Generic[Where]):
    """By partition, seconds since 1970 by the records' own timestamps."""

    def __init__(self) -> None:
        self._in_hand: dict[Where, float] = {}
        self._since: dict[Where, float] = {}

    def taken(self, firsts: Mapping[Where, float]) -> None:
        """A batch is in hand; of each of its partitions the first record's time. It counts as waiting until it is
        counted, also while it fails."""
        self._in_hand = dict(firsts)

    def counted(self, lasts: Mapping[Where, float]) -> None:
        """The batch is folded and committed; of each of its partitions the last record's time."""
        self._in_hand = {}
        self._since.update(lasts)

    def seconds(self, waiting: Mapping[Where, int], now: float) -> float | None:
        """The age at `now`, given how many records wait in each partition that is ours; 0 if none does, None while
        nobody can know: something waits, and nothing was read since the start."""
        self._since = {where: since for where, since in self._since.items() if where in waiting}
        oldest: list[float] = []
        is_unknown = False
        for where, count in waiting.items():
            if where in self._in_hand:
                oldest.append(self._in_hand[where])
            elif count == 0:
                self._since[where] = now
            elif where in self._since:
                oldest.append(self._since[where])
            else:
                is_unknown = True
        if not oldest:
            return None if is_unknown else 0.0
        return max(0.0, now - min(oldest))
