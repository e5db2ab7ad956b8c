"""Who owes the report of one period, and by when. Pure.

Villages owe too in some elections: 84,000 regions, whose deadlines differ by rule and zone alone. So regions share
their deadlines, periods share the list of regions, and asking for a period costs nothing that grows with either.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Deadline:
    """When one period's report is due, when its absence is judged, and when the desk is reminded of it before: None
    where the election does not say so. Aware UTC. `election` is the slug of the one that it is owed for."""

    period: date
    due_at: datetime
    judge_at: datetime
    election: str
    remind_at: datetime | None = None


Slot = tuple[int, str]  # a rule's number, a zone's key: what a deadline depends on within a period


class Debtors:
    """The regions that owe under the same rules: each code's slot, by code in order."""

    def __init__(self, slots: Mapping[str, Slot]) -> None:
        self.slots = slots
        self.codes = tuple(slots)
        self.distinct = frozenset(slots.values())

    @cached_property
    def of_slot(self) -> Mapping[Slot, Sequence[str]]:
        """The codes of each slot, in order. For those who judge; nobody else asks."""
        found: dict[Slot, list[str]] = {slot: [] for slot in self.distinct}
        for code, slot in self.slots.items():
            found[slot].append(code)
        return {slot: tuple(codes) for slot, codes in found.items()}


class Owing(Mapping[str, Deadline]):
    """The deadlines of one period by region code, in the order of the codes: of all who owe it, or of those of them
    between two codes."""

    def __init__(
        self, debtors: Debtors, deadlines: Mapping[Slot, Deadline], begin: int = 0, end: int | None = None
    ) -> None:
        self._debtors, self._deadlines = debtors, deadlines
        self._begin, self._end = begin, len(debtors.codes) if end is None else end

    @property
    def _is_whole(self) -> bool:
        return len(self) == len(self._debtors.codes)

    def __getitem__(self, code: str) -> Deadline:
        if code not in self:
            raise KeyError(code)
        return self._deadlines[self._debtors.slots[code]]

    def __contains__(self, code: object) -> bool:
        if code not in self._debtors.slots:
            return False
        codes, begin, end = self._debtors.codes, self._begin, self._end
        return self._is_whole or (begin < end and codes[begin] <= str(code) <= codes[end - 1])

    def __iter__(self) -> Iterator[str]:
        codes = self._debtors.codes
        return (codes[n] for n in range(self._begin, self._end))

    def __len__(self) -> int:
        return self._end - self._begin

    def keys(self) -> KeysView[str]:
        """As fast as a dictionary's: it is compared with as many codes again."""
        return self._debtors.slots.keys() if self._is_whole else super().keys()

    def deadlines(self) -> Sequence[Deadline]:
        """Every deadline that the period has, once each, whoever it is for."""
        return sorted(set(self._deadlines.values()), key=lambda d: (d.judge_at, d.due_at, d.election))

    def judged_at(self, moment: datetime, behind: str | None, most: int) -> dict[str, Deadline]:
        """Of those whose absence is judged at a moment the first `most` behind a code, of all if none is given: by
        code in order, each with its deadline. Looks at nobody else."""
        if not len(self):
            return {}
        first, last = self._debtors.codes[self._begin], self._debtors.codes[self._end - 1]
        of_slots = []
        for slot, deadline in self._deadlines.items():
            if deadline.judge_at == moment:
                codes = self._debtors.of_slot[slot]
                begin = bisect_left(codes, first) if behind is None or behind < first else bisect_right(codes, behind)
                end = min(begin + most, bisect_right(codes, last))
                of_slots.append(dict.fromkeys(codes[begin:end], deadline))
        if len(of_slots) == 1:
            return of_slots[0]
        found = {code: deadline for owed in of_slots for code, deadline in owed.items()}
        return {code: found[code] for code in sorted(found)[:most]}

    def below(self, code: str) -> Owing:
        """Of a region and everything below it."""
        return self._between(bisect_left(self._debtors.codes, code), bisect_left(self._debtors.codes, f"{code}/"))

    def after(self, code: str | None, most: int) -> Owing:
        """Of the first `most` regions behind a code, of the very first if none is given."""
        begin = self._begin if code is None else bisect_right(self._debtors.codes, code)
        return self._between(begin, max(begin, self._begin) + most)

    def _between(self, begin: int, end: int) -> Owing:
        begin = max(begin, self._begin)
        return Owing(self._debtors, self._deadlines, begin, max(begin, min(end, self._end)))
