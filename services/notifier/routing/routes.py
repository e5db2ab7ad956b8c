"""Teams, routes and inhibitions, as the receivers file has them. Who is told by them is worked out in `routing.py`."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from services.notifier.routing.quiet_hours import QuietHours
from services.notifier.routing.selection import RuleName, Selection
from shared.election.durations import Duration, between
from shared.election.frozen import Frozen
from shared.strict import ShortText, Slug

Wait = Annotated[Duration, between(timedelta(seconds=1), timedelta(days=7))]

Names = Annotated[tuple[Slug, ...], Field(min_length=1)]


class Member(Frozen):
    """A person, and the receivers that reach it."""

    name: ShortText
    receivers: Names


class Team(Frozen):
    """People who are told together, each by all of their receivers."""

    name: Slug
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    quiet_hours: QuietHours | None = None

    @property
    def receivers(self) -> tuple[str, ...]:
        """By name, each once."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.receivers))


class Escalation(Frozen):
    """Who else is told of what nobody has acknowledged for so long."""

    after: Wait
    to: Names


class Route(Selection):
    """Who is told of what is selected: teams or receivers, by name. While nobody acknowledges it they are told again
    every `repeat_every`, never if that is not given, and others are told step by step."""

    to: Names
    repeat_every: Wait | None = None
    escalate: tuple[Escalation, ...] = ()

    @model_validator(mode="after")
    def _steps_in_order(self) -> Route:
        if any(later.after <= earlier.after for earlier, later in pairwise(self.escalate)):
            raise ValueError("the steps of `escalate` must stand in order, each `after` longer than the one before it")
        return self

    def named(self) -> tuple[str, ...]:
        """Everybody it names."""
        return (*self.to, *(name for step in self.escalate for name in step.to))


class Inhibition(Frozen):
    """While an alert of the rule `by` fires, those of the rules `mutes` are held back in its region and below."""

    by: RuleName
    mutes: Annotated[tuple[RuleName, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _not_itself(self) -> Inhibition:
        if self.by in self.mutes:
            raise ValueError(f"{self.by!r} would mute itself")
        return self


# Where power or network is out nobody can report. Not checked: a rule that is not there mutes nothing.
USUAL = (Inhibition.model_construct(by="outage", mutes=("missing-report", "report-reminder")),)
