"""How far an incident has come: `desk.incident-status.v1` on the topic `desk.incidents`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from shared.events.envelope import Envelope, Frozen, identity_of
from shared.strict import LongText, ShortText, Slug


class IncidentStatus(StrEnum):
    """What an agency may say of an incident. One that nobody has said anything of is `reported`."""

    VERIFIED = "verified"
    DISMISSED = "dismissed"
    FORWARDED = "forwarded"
    RESOLVED = "resolved"


class IncidentStatusData(Frozen):
    """`incident_agency` and `incident_id` name the incident; `forwarded_to` says to whom it was handed over (DKPP,
    KPU, the police, BKN ...)."""

    incident_agency: Slug
    incident_id: Slug
    status: IncidentStatus
    note: LongText | None = None
    forwarded_to: ShortText | None = None


class IncidentStatusEvent(Envelope):
    """`subject` is the region of the incident; with another one it is an orphan. The wire form is golden."""

    type: Literal["desk.incident-status.v1"] = "desk.incident-status.v1"
    data: IncidentStatusData

    @property
    def incident_identity(self) -> str:
        """The identity of the incident it speaks of, any agency's."""
        return identity_of(self.data.incident_agency, self.data.incident_id)
