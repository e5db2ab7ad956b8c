"""What an agency may send, pure: bodies as they arrive, and the events they become.

How the design is read here:
- A body is checked in one pass, so that every wrong field is named, not the first one only.
- A device's time (`submitted_at`) is never a reason to refuse a report: from one that is not believed
  (`shared/election/device_time.py`) nothing is derived. When an incident happened is its content, and is checked.
- The event's `time` is the believed `submitted_at` or `occurred_at`, else the receipt. `data.submitted_at` is always
  what the sender said.
- The content's hash covers what the sender said and the type of the event, not the id and nothing derived: a retry
  after a Monday's midnight, which would fall into another period, has the same hash.
- Times are kept in UTC: the same instant with another offset is the same content.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from services.intake.checks import (
    Receipt,
    addressable,
    agrees_with_header,
    another_report,
    happened_already,
    known_category,
    known_region,
    possible_period,
    to_utc,
)
from shared.election.device_time import written_at
from shared.election.roster import level_of
from shared.events.codec import content_hash
from shared.events.envelope import AGENCIES, Envelope, Frozen
from shared.events.incident import Evidence, IncidentData, IncidentEvent, Severity
from shared.events.report import Condition, ReportData, ReportEvent, Sections
from shared.field_errors import FieldError, field_errors
from shared.strict import LONGEST_SLUG, SLUG, Day, DeviceInstant, Instant, LongText, RegionCode, ShortText, Slug
from shared.strict_json import BadJson, parse_json

_MOST_ERRORS = 100  # a body of nothing but unknown fields shall not be answered with megabytes


class WrongFields(ValueError):
    """The body cannot be taken; `errors` names every wrong field."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


class Body(Frozen):
    """What all bodies share. An optional field may be left out or null. Read one with `read`."""

    event: ClassVar[type[Envelope]]

    id: Annotated[Slug, AfterValidator(addressable), AfterValidator(agrees_with_header)] | None = Field(
        None, description="yours, unique within your agency; take the same one for every retry"
    )
    region: Annotated[RegionCode, AfterValidator(known_region)]

    def said(self) -> dict[str, Any]:
        """The content as the sender said it: what decides whether two submissions under one id are the same."""
        return {**self.model_dump(exclude={"id"}, exclude_none=True), "type": self.event.type_name()}

    def to_event(self, agency: str, event_id: str, receipt: Receipt) -> Envelope:
        """The event to publish. Raises nothing: whatever `read` let through is an event."""
        raise NotImplementedError


class ReportBody(Body):
    """A weekly report. "Everything is normal" is a report too."""

    event = ReportEvent

    condition: Condition
    summary: LongText
    period: Annotated[Day, AfterValidator(possible_period)] | None = Field(
        None, description="the Monday it is for; without it the latest Monday up to `submitted_at` or receipt"
    )
    submitted_at: Annotated[DeviceInstant, AfterValidator(to_utc)] | None = Field(
        None,
        description="when it was written, by the device's clock; lets a report that was synced late be on time. "
        "A clock that is plainly wrong is not believed, and no reason to refuse the report",
    )
    replaces: Annotated[Slug, AfterValidator(another_report)] | None = Field(
        None, description="the id of your earlier report that this one corrects"
    )
    topics: Sections | None = Field(None, description="free sections: logistics, security, voters, neutrality ...")
    source_office: ShortText | None = Field(None, description="the lower office that told it, by telephone say")

    def to_event(self, agency: str, event_id: str, receipt: Receipt) -> ReportEvent:
        calendar = receipt.calendar
        written = written_at(self.submitted_at, receipt.received_at, calendar.election)
        period = self.period or calendar.period_of(self.region, level_of(self.region), written)
        return ReportEvent(
            id=event_id,
            source=f"{AGENCIES}{agency}",
            subject=self.region,
            time=written,
            receivedat=receipt.received_at,
            contenthash=content_hash(self.said()),
            data=ReportData(
                period=period,
                condition=self.condition,
                summary=self.summary,
                submitted_at=self.submitted_at,
                replaces=self.replaces,
                topics=self.topics,
                source_office=self.source_office,
            ),
        )


class IncidentBody(Body):
    """Something that happened: a violation, or anything else of the election file's categories."""

    event = IncidentEvent

    category: Annotated[Slug, AfterValidator(known_category)]
    occurred_at: Annotated[Instant, AfterValidator(to_utc), AfterValidator(happened_already)]
    description: LongText
    severity: Severity | None = Field(None, description="`medium` without it")
    place: ShortText | None = None
    polling_station: ShortText | None = None
    reported_party: ShortText | None = None
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)] | None = None
    source_office: ShortText | None = Field(None, description="the lower office that told it, by telephone say")

    def to_event(self, agency: str, event_id: str, receipt: Receipt) -> IncidentEvent:
        return IncidentEvent(
            id=event_id,
            source=f"{AGENCIES}{agency}",
            subject=self.region,
            time=self.occurred_at,
            receivedat=receipt.received_at,
            contenthash=content_hash(self.said()),
            data=IncidentData(
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


B = TypeVar("B", bound=Body)


def read(body_type: type[B], raw: bytes, receipt: Receipt) -> B:
    """The body in some bytes. Raises WrongFields with every wrong field."""
    errors: list[FieldError] = []
    if receipt.header_id is not None and not re.fullmatch(SLUG, receipt.header_id):
        errors.append(FieldError("Idempotency-Key", "slug", most=LONGEST_SLUG))
    elif receipt.header_id is not None and not receipt.header_id.strip("."):
        errors.append(FieldError("Idempotency-Key", "id_dots"))
    try:
        parse_json(raw)
        body = body_type.model_validate_json(raw, context=receipt)
    except BadJson as error:
        errors.append(FieldError("body", error.reason, **error.details))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        errors.extend(field_errors(found[:_MOST_ERRORS], body_type.model_fields))
    if errors:
        raise WrongFields(errors)
    return body
