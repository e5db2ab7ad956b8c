"""The rule of the quiet period (masa tenang): a violation that occurred in it, or was reported in it.

In the quiet period all campaigning is forbidden (election law 10/2016 and KPU's and Bawaslu's regulations; the
texts stand in the election file). Both flags are kept and shown: an incident reported on 28 November that occurred
on the 25th counts, and so does one that is reported on the 25th and occurred before.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.election.calendar import Calendar
from shared.events.incident import IncidentEvent


@dataclass(frozen=True, slots=True)
class QuietPeriodFlags:
    """What the quiet period has to do with an incident; the violation itself is the category's say."""

    is_violation: bool
    occurred_in_quiet_period: bool
    reported_in_quiet_period: bool

    @property
    def is_quiet_period_violation(self) -> bool:
        return self.is_violation and (self.occurred_in_quiet_period or self.reported_in_quiet_period)


def flags(calendar: Calendar, incident: IncidentEvent) -> QuietPeriodFlags:
    """The flags of an incident, in its region's zone, by the rules in force when it was received."""
    region = incident.subject
    rules = calendar.at(region, incident.receivedat)
    return QuietPeriodFlags(
        is_violation=rules.is_violation(incident.data.category),
        occurred_in_quiet_period=calendar.in_quiet_period(region, incident.data.occurred_at, rules),
        reported_in_quiet_period=calendar.in_quiet_period(region, incident.receivedat, rules),
    )
