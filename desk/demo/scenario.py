"""The fortnight as data: `scenario.yaml`, read and put in order. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib import resources
from itertools import groupby
from typing import Any, Literal

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, model_validator

from shared.election.calendar import Calendar
from shared.election.config import Level


class Expect(StrEnum):
    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QuietPeriod(_Frozen):
    """The two flags that a violation of the quiet period must show."""

    occurred: bool
    reported: bool


class Step(_Frozen):
    """One submission. `body` goes over the wire as it is; a wrong one is meant to be wrong."""

    at: AwareDatetime
    send: Literal["report", "incident", "logistics"]
    expect: Expect = Expect.ACCEPTED
    quiet_period: QuietPeriod | None = None
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def region(self) -> str:
        return str(self.body["region"])


class Acknowledgement(_Frozen):
    """An operator takes an alert in hand."""

    at: AwareDatetime
    alert: str
    note: str


class Receipt(_Frozen):
    """Several items of logistics that a region has received completely: a submission for each. `sets` is how many of
    each are required: one a polling station."""

    at: AwareDatetime
    id: str
    region: str
    sets: int
    items: tuple[str, ...]

    def steps(self) -> Iterator[Step]:
        for item in self.items:
            pieces = {"required": self.sets, "received": self.sets}
            body = {
                "id": f"{self.id}-{item}",
                "region": self.region,
                "item": item,
                **pieces,
                "as_of": self.at.isoformat(),
            }
            yield Step(at=self.at, send="logistics", body=body)


class Scenario(_Frozen):
    """`steps` are all submissions, in order; in the file the receipts of logistics stand apart, in `receipts`."""

    start: AwareDatetime
    end: AwareDatetime
    steps: tuple[Step, ...]
    acknowledgements: tuple[Acknowledgement, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _with_receipts(cls, data: dict[str, Any]) -> dict[str, Any]:
        receipts = TypeAdapter(tuple[Receipt, ...]).validate_python(data.get("receipts", ()))
        steps = TypeAdapter(tuple[Step, ...]).validate_python(data["steps"])
        together = [*steps, *(step for receipt in receipts for step in receipt.steps())]
        rest = {key: value for key, value in data.items() if key not in ("steps", "receipts")}
        return {**rest, "steps": sorted(together, key=lambda step: step.at)}

    def expecting(self, expect: Expect) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.expect is expect)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the clock holds until the answers are in: after the submissions of a local day, when an operator takes an
    alert in hand, when a period is judged (`period`), when something is to be told, at the end."""

    at: datetime
    steps: tuple[Step, ...] = ()
    acknowledgement: Acknowledgement | None = None
    period: date | None = None


def load_scenario() -> Scenario:
    """The scenario beside this module. Raises ValueError: a defect of ours, found by tests."""
    text = resources.files(__package__).joinpath("scenario.yaml").read_text(encoding="utf-8")
    return Scenario.model_validate(yaml.safe_load(text))


def judgements(scenario: Scenario, calendar: Calendar) -> dict[date, datetime]:
    """The periods that are judged before the end, and when the last region's absence is: due and grace."""
    found = {}
    for period in calendar.all_periods():
        owed = [calendar.owed(region, period) for region in calendar.roster.at_level(Level.REGENCY)]
        last = max(deadline.judge_at for deadline in owed if deadline is not None)
        if last <= scenario.end:
            found[period] = last
    return found


def moments(scenario: Scenario, calendar: Calendar, holds: Iterable[datetime] = ()) -> list[Moment]:
    """All moments, in order, each with the submissions since the one before it; `holds` are others at which something
    must be seen."""
    taken = {a.at: a for a in scenario.acknowledgements}
    judged = {at: period for period, at in judgements(scenario, calendar).items()}
    found, begin = [], 0
    for at in sorted({*_ends_of_days(scenario), *taken, *judged, *holds, scenario.end}):
        end = bisect_right(scenario.steps, at, key=lambda step: step.at)
        found.append(Moment(at, scenario.steps[begin:end], taken.get(at), judged.get(at)))
        begin = end
    return found


def _ends_of_days(scenario: Scenario) -> Iterator[datetime]:
    """When each local day's last submission is sent."""
    for _, steps in groupby(scenario.steps, key=lambda step: step.at.astimezone(scenario.start.tzinfo).date()):
        yield list(steps)[-1].at
