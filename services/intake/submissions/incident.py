"""An incident, as it arrives and as it is published."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import Body
from services.intake.submissions.checks import ListedName, Receipt, happened_already, known_category, to_utc
from shared.access.keys import Kind
from shared.events.incident import Evidence, IncidentData, IncidentEvent, Severity
from shared.strict import Instant, LongText, ShortText
from shared.topics import INCIDENTS


class IncidentBody(Body):
    """Something that happened: a violation, or anything else of the election file's categories."""

    called = "incident"
    event = IncidentEvent
    topic = INCIDENTS

    category: Annotated[ListedName, AfterValidator(known_category)] = Field(
        description="of the election file's categories"
    )
    occurred_at: Annotated[Instant, AfterValidator(to_utc), AfterValidator(happened_already)] = Field(
        description="when it happened, not in the future: RFC 3339 with offset; a naive time is refused"
    )
    description: LongText = Field(description="what happened")
    severity: Severity | None = Field(None, description="`medium` without it")
    place: ShortText | None = Field(None, description="where, in a line of text")
    polling_station: ShortText | None = Field(None, description="the polling station (TPS), if it was at one")
    reported_party: ShortText | None = Field(None, description="who is said to have done it")
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)] | None = Field(
        None, description="photos, films and papers that are kept elsewhere"
    )
    source_office: ShortText | None = Field(None, description="the lower office that told it, by telephone say")

    def right(self, agency: str) -> Kind:
        return Kind.INCIDENTS

    def to_event(self, agency: str, event_id: str, receipt: Receipt, meant: Fingerprint | None) -> IncidentEvent:
        return IncidentEvent.of_checked(
            **self.envelope(agency, event_id, receipt),
            time=self.occurred_at,
            data=IncidentData.of_checked(
                category=self.category,
                occurred_at=self.occurred_at,
                description=self.description,
                severity=self.severity or Severity.MEDIUM,
                place=self.place,
                polling_station=self.polling_station,
                reported_party=self.reported_party,
                evidence=self.evidence or (),
                source_office=self.source_office,
            ),
        )
