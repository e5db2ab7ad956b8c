"""What an agency may send, pure: one module a kind, and this table of them.

A kind's body is what arrives; `to_event` makes of it what is published. The single calls take a body as it is, a
batch takes lines of them with `kind`, and the form makes one of what a person typed: the same models read them all.

How the design is read here:
- A body is checked in one pass, so that every wrong field is named, not the first one only.
- A device's time (`submitted_at`) is never a reason to refuse a report: from one that is not believed
  (`shared/election/device_time.py`) nothing is derived. When an incident happened is its content, and is checked.
- The content's hash covers what the sender said and the type of the event, not the id and nothing derived: a retry
  after a Monday's midnight, which would fall into another period, has the same hash.
- Times are kept in UTC: the same instant with another offset is the same content.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.submissions.body import Body
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.incident_status import IncidentStatusBody
from services.intake.submissions.logistics import LogisticsBody
from services.intake.submissions.report import ReportBody
from services.intake.submissions.withdrawal import WithdrawalBody

KINDS: Mapping[str, type[Body]] = {
    body.called: body for body in (ReportBody, WithdrawalBody, IncidentBody, IncidentStatusBody, LogisticsBody)
}
