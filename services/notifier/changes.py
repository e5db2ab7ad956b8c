"""What one event does to the notifier's documents, by a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from services.notifier import causes
from services.notifier.alerts import alerts
from services.notifier.moments import stocks
from services.notifier.moments.logistics_steps import steps_of
from services.notifier.rules import outage, quiet_period_violation
from services.notifier.rules.rule import AlertChange
from services.notifier.verdicts import filing, obligations
from shared.election import stock_statements
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.events.envelope import Envelope
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatusEvent
from shared.events.logistics import LogisticsEvent
from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.exactly_once.cursors import Apply, Change, Document
from shared.exactly_once.sightings import Sighting
from shared.tracing.places import place_of

COLLECTIONS = (obligations.COLLECTION, stocks.COLLECTION, alerts.COLLECTION)

# Rules that an incident may set off, and those that are told what is said of one.
_ON_INCIDENT = (
    quiet_period_violation.on_incident,
    outage.on_incident,
)
_ON_STATUS = (
    quiet_period_violation.on_status,
    outage.on_status,
)


def changes_of(calendar: Calendar) -> Callable[[Sighting], Sequence[Change]]:
    """The notifier's changes under an election's calendar."""
    table: dict[type[Envelope], Callable[[Calendar, Sighting, Any], list[Change]]] = {
        ReportEvent: _report,
        WithdrawalEvent: _withdrawal,
        IncidentEvent: _incident,
        IncidentStatusEvent: _incident_status,
        LogisticsEvent: _stock,
    }

    def changes(sighting: Sighting) -> Sequence[Change]:
        return table[type(sighting.event)](calendar, sighting, sighting.event)

    return changes


def _report(calendar: Calendar, sighting: Sighting, report: ReportEvent) -> list[Change]:
    deadline = _deadline(calendar, report)
    if deadline is None:
        return []  # a report nobody owed is welcome, and no obligation
    election = calendar.at(report.subject, report.receivedat)

    def apply(obligation: Document) -> Document:
        holds = obligations.deadline_of(obligation, deadline)
        return obligations.filed(obligation, report, holds, filing.finding_of(report, holds, election))

    return [_obligation(sighting, report, apply)]


def _withdrawal(calendar: Calendar, sighting: Sighting, withdrawal: WithdrawalEvent) -> list[Change]:
    deadline = _deadline(calendar, withdrawal)
    if deadline is None:
        return []

    def apply(obligation: Document) -> Document:
        return obligations.withdrawn(obligation, withdrawal, deadline)

    return [_obligation(sighting, withdrawal, apply)]


def _deadline(calendar: Calendar, event: ReportEvent | WithdrawalEvent) -> Deadline | None:
    region = calendar.roster.get(event.subject)
    return calendar.owed(region, event.period) if region else None


def _obligation(sighting: Sighting, event: ReportEvent | WithdrawalEvent, apply: Apply) -> Change:
    document_id = obligations.obligation_id(event.period, event.subject)
    return Change(obligations.COLLECTION, document_id, sighting.position, _caused(sighting, apply))


def _caused(sighting: Sighting, apply: Apply) -> Apply:
    """The change, that remembers in whose trace it was made: what follows from it may be much later."""
    place = place_of(sighting.record.headers)

    def caused(document: Document) -> Document:
        return causes.marked(document, apply(document), place)

    return caused


def _incident(calendar: Calendar, sighting: Sighting, incident: IncidentEvent) -> list[Change]:
    return _of_alerts(sighting, [on_incident(calendar, incident) for on_incident in _ON_INCIDENT])


def _incident_status(_calendar: Calendar, sighting: Sighting, status: IncidentStatusEvent) -> list[Change]:
    """Also where no alert is known: the incident may be read later."""
    return _of_alerts(sighting, [on_status(status) for on_status in _ON_STATUS])


def _of_alerts(sighting: Sighting, found: Iterable[AlertChange | None]) -> list[Change]:
    return [
        Change(alerts.COLLECTION, one.alert_id, sighting.position, _caused(sighting, one.apply))
        for one in found
        if one is not None
    ]


def _stock(calendar: Calendar, sighting: Sighting, statement: LogisticsEvent) -> list[Change]:
    moments = [step.at for step in steps_of(calendar, statement.subject)]
    document_id = stock_statements.stock_id(statement.subject, statement.data.item)
    apply = partial(stocks.after_statement, statement=statement, moments=moments)
    return [Change(stocks.COLLECTION, document_id, sighting.position, apply)]
