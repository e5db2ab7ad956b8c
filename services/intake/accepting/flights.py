"""Which content is under way under which id, pure.

Until one of them is remembered nobody can tell which will be the first. Several copies of the same content may fly
together, and a dry run is in nobody's way.
"""

from __future__ import annotations


class Flights:
    """Remembers nobody who has landed: who began alone or beside the same content has an `end`, others have none."""

    def __init__(self) -> None:
        self._flying: dict[str, tuple[str, int]] = {}  # identity -> hash of what is under way, how many calls carry it

    def is_free(self, identity: str, digest: str) -> bool:
        """Whether no other content is under way under this id."""
        flying = self._flying.get(identity)
        return flying is None or flying[0] == digest

    def begin(self, identity: str, digest: str) -> None:
        """For whom `is_free` has just said yes."""
        flying = self._flying.get(identity)
        self._flying[identity] = (digest, flying[1] + 1 if flying else 1)

    def end(self, identity: str) -> None:
        digest, calls = self._flying.pop(identity)
        if calls > 1:
            self._flying[identity] = (digest, calls - 1)
