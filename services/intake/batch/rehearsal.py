"""A dry run of a whole batch: its lines know of one another, and nothing leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.intake.accepting.accepting import Acceptor
from services.intake.accepting.fingerprints import Fingerprint, Known
from services.intake.accepting.places import Places
from services.intake.door.door import Door
from shared.kafka.posted import Settled
from shared.metrics import Metrics


class _Rehearsed:
    """A Known: what is known, and what this batch would make known. Nothing of it is stored."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._new: dict[str, Fingerprint] = {}

    async def find_all(self, identities: Sequence[str]) -> Mapping[str, Fingerprint]:
        found = {one: self._new[one] for one in identities if one in self._new}
        return {**await self._known.find_all([one for one in identities if one not in found]), **found}

    async def remember_all(self, fingerprints: Sequence[Fingerprint]) -> None:
        for fingerprint in fingerprints:
            self._new.setdefault(fingerprint.identity, fingerprint)

    @property
    def is_resting(self) -> bool:
        return self._known.is_resting


class _Nowhere:
    """A Publisher that confirms everything and keeps nothing."""

    def post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        settled: Settled,
        waited_s: float,
    ) -> None:
        settled(0)


def rehearsed(door: Door) -> Door:
    """A door like this one for one batch's dry run. What passes it is not counted as accepted."""
    known, unseen = _Rehearsed(door.fingerprints), Metrics("rehearsal")
    acceptor = Acceptor(_Nowhere(), known, unseen, Places())
    return replace(door, fingerprints=known, metrics=unseen, acceptor=acceptor)
