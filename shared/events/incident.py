"""An incident: `desk.incident.v1` on the topic `desk.incidents`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.events.envelope import Envelope, Frozen
from shared.strict import Instant, LongText, Sha256, ShortText, Slug, WebAddress


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Evidence(Frozen):
    """A reference to a photo, film or paper kept elsewhere, with its hash if known."""

    url: WebAddress
    sha256: Sha256 | None = None


class IncidentData(Frozen):
    """`category` is a slug of the election file; whether it is a violation is the election file's say, not ours."""

    category: Slug
    occurred_at: Instant
    description: LongText
    severity: Severity = Severity.MEDIUM
    place: ShortText | None = None
    polling_station: ShortText | None = None
    reported_party: ShortText | None = None
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20)] = ()
    source_office: ShortText | None = None


class IncidentEvent(Envelope):
    """Something that happened in a region, of any level. The wire form is golden: tests/unit/golden/."""

    type: Literal["desk.incident.v1"] = "desk.incident.v1"
    data: IncidentData
