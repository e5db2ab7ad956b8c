"""How far an incident has come, as it arrives and as it is published."""

from __future__ import annotations

from pydantic import Field

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import Body
from services.intake.submissions.checks import Receipt
from shared.access.keys import Kind
from shared.events.incident_status import IncidentStatus, IncidentStatusData, IncidentStatusEvent
from shared.strict import LongText, ShortText, Slug
from shared.topics import INCIDENTS


class IncidentStatusBody(Body):
    """An incident was verified, dismissed, forwarded or resolved. One that nobody knows yet is taken all the same."""

    called = "incident_status"
    event = IncidentStatusEvent
    topic = INCIDENTS
    in_path = ("incident_agency", "incident_id")

    incident_agency: Slug = Field(description="the agency that reported the incident")
    incident_id: Slug = Field(description="the incident's id")
    status: IncidentStatus = Field(description="how far it has come")
    note: LongText | None = Field(None, description="why, for whoever looks at the history")
    forwarded_to: ShortText | None = Field(None, description="to whom it was handed over: DKPP, KPU, the police ...")

    def right(self, agency: str) -> Kind:
        return Kind.INCIDENTS if agency == self.incident_agency else Kind.STATUSES

    def ids_meant(self) -> frozenset[str]:
        return frozenset({self.incident_id})

    def to_event(self, agency: str, event_id: str, receipt: Receipt, meant: Fingerprint | None) -> IncidentStatusEvent:
        return IncidentStatusEvent.of_checked(
            **self.envelope(agency, event_id, receipt),
            time=receipt.received_at,
            data=IncidentStatusData.of_checked(
                incident_agency=self.incident_agency,
                incident_id=self.incident_id,
                status=self.status,
                note=self.note,
                forwarded_to=self.forwarded_to,
            ),
        )
