"""What a region's page shows of its past, as values for the templates. Pure. `telling.py` makes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict: what, why, when; of one that is still to come, until when."""

    verdict: str
    reason: str
    at: str
    is_to_come: bool = False


@dataclass(frozen=True, slots=True)
class Attended:
    """A period's verdict and the ones before it, the latest first."""

    period: str
    now: Judged
    earlier: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`corrected_by` is the id of the report that came in its place; `withdrawn` says when and why."""

    at: str
    period: str
    condition: str
    summary: str
    topics: tuple[tuple[str, str], ...]
    sender: str
    office: str | None
    replaces: str | None
    corrected_by: str | None
    withdrawn: str | None

    @property
    def holds(self) -> bool:
        return self.corrected_by is None and self.withdrawn is None


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of an incident's history; an orphan spoke of another region and changes nothing."""

    status: str
    at: str
    by: str
    note: str | None
    forwarded_to: str | None
    is_orphan: bool


@dataclass(frozen=True, slots=True)
class Incident:
    """`flags` are `occurred` and `reported`, each if it was in the quiet period. `due` is by when it is to be handed
    over, None where no time is known and where it was, or is closed."""

    key: str
    region: str
    place: str
    category: str
    is_violation: bool
    is_quiet: bool
    flags: tuple[str, ...]
    severity: str
    status: str
    is_open: bool
    occurred: str
    received: str
    description: str
    party: str | None
    evidence: tuple[str, ...]
    legal_basis: str | None
    hand_over: str | None
    due: str | None
    is_overdue: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """An item as the statement that holds has it; `stated` is empty where nobody has said anything."""

    label: str
    received: int
    required: int
    stated: str
    sender: str

    @property
    def is_complete(self) -> bool:
        return self.stated != "" and self.received >= self.required
