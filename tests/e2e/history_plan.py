"""What the clients of the history test send, piece by piece, by a seed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.e2e.history import Identity
from tests.e2e.history_contents import MAKERS, SPEAKS_OF, Content, Earlier

ANYWHERE, ONE_CITY = "64", "64.72"
# The agencies and the regions that their keys may speak for.
AGENCIES = {"kpu": ANYWHERE, "bawaslu": ANYWHERE, "samarinda": ONE_CITY}
ACCEPTED, ACCEPTED_OR_CONFLICT = frozenset({202}), frozenset({202, 409})
KINDS = {"report": 5, "incident": 5, "withdrawal": 2, "incident_status": 2, "logistics": 3}  # how often


@dataclass(frozen=True)
class Sending:
    """One content under one id. Its client asks again until it is answered for good, but for one who gives up:
    `patience_s` is how long that one waits for the only answer. `expected` are the final answers."""

    agency: str
    event_id: str
    content: Content
    expected: frozenset[int] = ACCEPTED
    patience_s: float | None = None

    @property
    def identity(self) -> Identity:
        return self.agency, self.event_id


# What one request carries: one sending is a single call, several of one agency are a batch.
Parcel = tuple[Sending, ...]
# What goes out at the same moment, each parcel through another replica.
Task = tuple[Parcel, ...]


class Planner:
    """Makes sendings, by a seed the same ones. `regions` are all codes that there are; `name` keeps their ids and
    marks apart from those of another planner."""

    def __init__(self, seed: int, regions: Sequence[str], name: str) -> None:
        self.chosen, self._name = Random(seed), name
        cities = [code for code in regions if code.count(".") == 1]
        below = self.chosen.sample([code for code in regions if code.count(".") > 1], 20)
        self._regions = [*cities, *below, ANYWHERE]
        self._of_one_city = [code for code in regions if code.startswith(ONE_CITY)][:8]
        self._earlier: list[Earlier] = []
        self._made = 0

    def sending(self, kind: str | None = None, *, is_spoken_of: bool = True) -> Sending:
        """A new event. Later ones speak of it only if its content is certain."""
        kind = kind or self.chosen.choices(list(KINDS), list(KINDS.values()))[0]
        agency = self.chosen.choice(list(AGENCIES))
        content = self.content(agency, kind)
        event_id = f"{self._name}-{kind}-{self._made}"
        if is_spoken_of:
            self._earlier.append(Earlier(agency, event_id, content))
        return Sending(agency, event_id, content)

    def other_content(self, one: Sending, kind: str | None = None) -> Sending:
        """The same id with other content, which may be refused as a conflict."""
        content = self.content(one.agency, kind or one.content.kind, but_not_of=one.event_id)
        return replace(one, content=content, expected=ACCEPTED_OR_CONFLICT)

    def content(self, agency: str, kind: str, but_not_of: str = "") -> Content:
        """New content, which does not speak of the event `but_not_of`."""
        self._made += 1
        regions = self._of_one_city if AGENCIES[agency] == ONE_CITY else self._regions
        about = self._spoken_of(agency, kind, but_not_of)
        if kind == "withdrawal" and about is None:
            kind = "report"
        return MAKERS[kind](self.chosen, f"{self._name}{self._made}", self.chosen.choice(regions), about)

    def _spoken_of(self, agency: str, kind: str, but_not_of: str) -> Earlier | None:
        """An earlier event of the agency's own; of an incident everybody with the right may speak. Few reports correct
        one, every withdrawal needs one."""
        wanted = SPEAKS_OF.get(kind)
        may_be_others = kind == "incident_status" and AGENCIES[agency] == ANYWHERE
        fitting = [e for e in self._earlier if e.content.kind == wanted and e.id != but_not_of]
        found = [e for e in fitting if may_be_others or e.agency == agency]
        if not found or (kind == "report" and self.chosen.random() > 0.2):
            return None
        return self.chosen.choice(found)
