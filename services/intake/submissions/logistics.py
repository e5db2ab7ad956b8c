"""A statement of logistics received, as it arrives and as it is published."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import Body
from services.intake.submissions.checks import ListedName, Receipt, happened_already, known_item, to_utc
from shared.access.keys import Kind
from shared.events.logistics import LogisticsData, LogisticsEvent, Pieces
from shared.strict import Instant, ShortText
from shared.topics import LOGISTICS


class LogisticsBody(Body):
    """How much of an item a region has received so far: the stock, not one delivery. The latest `as_of` holds."""

    called = "logistics"
    event = LogisticsEvent
    topic = LOGISTICS

    item: Annotated[ListedName, AfterValidator(known_item)] = Field(description="of the election file's items")
    required: Pieces = Field(description="how many pieces the region needs")
    received: Pieces = Field(description="how many of them had come by `as_of`, all deliveries together")
    as_of: Annotated[Instant, AfterValidator(to_utc), AfterValidator(happened_already)] = Field(
        description="when that was so, not in the future: RFC 3339 with offset; a naive time is refused"
    )
    source_office: ShortText | None = Field(None, description="the lower office that told it, by telephone say")

    def right(self, agency: str) -> Kind:
        return Kind.LOGISTICS

    def to_event(self, agency: str, event_id: str, receipt: Receipt, meant: Fingerprint | None) -> LogisticsEvent:
        return LogisticsEvent.of_checked(
            **self.envelope(agency, event_id, receipt),
            time=self.as_of,
            data=LogisticsData.of_checked(
                item=self.item,
                required=self.required,
                received=self.received,
                as_of=self.as_of,
                source_office=self.source_office,
            ),
        )
