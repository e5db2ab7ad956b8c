"""What a process remembers of keys that it has seen, pure.

Keys with rights and keys that nobody has are remembered apart, both in bounded numbers: whoever floods us with
invented keys pushes out other invented keys, never one that is known.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from shared.access.keys import Grant

NOBODYS_S = 5.0
_MOST_GRANTS = 100_000
_MOST_NOBODYS = 10_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database said of a key: its rights, or None for nobody's key. It holds until `until_s`; after that it
    is what was known last."""

    grant: Grant | None
    until_s: float


class SeenKeys:
    """By the keys' hashes. Times are seconds of any clock that never jumps. A key's rights hold for `grants_s`;
    that a key is nobody's for `nobodys_s`, so that a key which was tried too early works soon."""

    def __init__(
        self,
        grants_s: float,
        nobodys_s: float = NOBODYS_S,
        most_grants: int = _MOST_GRANTS,
        most_nobodys: int = _MOST_NOBODYS,
    ) -> None:
        self._grants_s, self._nobodys_s = grants_s, min(nobodys_s, grants_s)
        self._most_grants, self._most_nobodys = most_grants, most_nobodys
        self._grants: OrderedDict[str, Seen] = OrderedDict()
        self._nobodys: OrderedDict[str, Seen] = OrderedDict()

    def find(self, hashed: str) -> Seen | None:
        return self._grants.get(hashed) or self._nobodys.get(hashed)

    def put(self, hashed: str, grant: Grant | None, asked_at_s: float) -> Seen:
        """Remember what was asked at a moment, not heard: what changed on the way was not seen."""
        self._grants.pop(hashed, None)
        self._nobodys.pop(hashed, None)
        if grant is not None:
            return _put(self._grants, hashed, Seen(grant, asked_at_s + self._grants_s), self._most_grants)
        return _put(self._nobodys, hashed, Seen(None, asked_at_s + self._nobodys_s), self._most_nobodys)


def _put(memory: OrderedDict[str, Seen], hashed: str, seen: Seen, most: int) -> Seen:
    """The one that was asked for the longest ago goes first; whoever is in use is asked for again and again."""
    memory[hashed] = seen
    if len(memory) > most:
        memory.popitem(last=False)
    return seen
