"""Bytes to events and back. The one place that knows which types a topic may carry."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shared.events.alert import AlertEvent
from shared.events.envelope import Envelope
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatusEvent
from shared.events.logistics import LogisticsEvent
from shared.events.report import ReportEvent
from shared.events.verdict import VerdictEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.topics import ALERTS, INCIDENTS, LOGISTICS, REPORTS, Topic

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"

# What each topic carries; for the AsyncAPI documents too.
SCHEMAS: dict[Topic, Any] = {
    REPORTS: Annotated[ReportEvent | WithdrawalEvent, Field(discriminator="type")],
    INCIDENTS: Annotated[IncidentEvent | IncidentStatusEvent, Field(discriminator="type")],
    LOGISTICS: LogisticsEvent,
    ALERTS: Annotated[AlertEvent | VerdictEvent, Field(discriminator="type")],
}
_READERS: dict[str, TypeAdapter[Any]] = {topic.name: TypeAdapter(schema) for topic, schema in SCHEMAS.items()}


class BadEvent(ValueError):
    """The bytes are no event of this topic: permanent, so a dead letter. The text is the reason."""


def encode(event: Envelope) -> bytes:
    """The event as structured CloudEvents JSON, fields that are absent left out."""
    return event.model_dump_json(exclude_none=True).encode()


def decode(topic: str, raw: bytes) -> Envelope:
    """The event in a record of `topic`. Raises BadEvent (permanent) with the first reasons."""
    reader = _READERS.get(topic)
    if reader is None:
        raise BadEvent(f"no event type is known for the topic {topic}")
    try:
        event: Envelope = reader.validate_json(raw)
    except ValidationError as error:
        raise BadEvent(_first_reasons(error)) from None
    return event


def _first_reasons(error: ValidationError) -> str:
    """Without anything of the record: the reasons stand in logs, where no person's name may."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(map(_reason, found[:3]))


def _reason(found: ErrorDetails) -> str:
    kind, where = found["type"], [str(part) for part in found["loc"]]
    if kind == "union_tag_invalid":  # the validator's own words quote the type
        return "type: none that this topic carries"
    if kind == "extra_forbidden":  # the field's name is the writer's
        return f"{'.'.join(where[:-1]) or 'value'}: a field that is not known"
    return f"{'.'.join(where) or 'value'}: {found['msg']}"


def _as_said(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(exclude_none=True)


def content_hash(content: dict[str, Any]) -> str:
    """SHA-256 (hex) over a canonical form of content, JSON-like or with models in it: sorted keys, UTC times, absent
    fields left out."""
    canonical = orjson.dumps(
        {k: v for k, v in content.items() if v is not None},
        _as_said,
        orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z,
    )
    return hashlib.sha256(canonical).hexdigest()
