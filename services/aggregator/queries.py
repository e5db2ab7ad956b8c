"""What the API's lists take: typed, nothing unknown, and turned into queries of equalities and ranges alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.aggregator.incidents import Status
from services.aggregator.store import After
from shared.election.config import Level
from shared.events.alert import AlertState
from shared.http.pages import DEFAULT_LIMIT, MAX_LIMIT, below, decode_cursor, encode_cursor
from shared.http.problems import FieldError, invalid
from shared.strict import RegionCode, Slug

Document = dict[str, Any]


def strict_date(text: object) -> date:
    """A date as `2024-11-18` and in no other form. Raises ValueError."""
    if not isinstance(text, str) or len(text) != len("2024-11-18"):
        raise ValueError("write a date, for example 2024-11-18")
    return date.fromisoformat(text)


class Page(BaseModel):
    """`limit` items after `cursor`, which is `next` of the page before. A parameter we do not know is refused: a
    misspelt filter must not look like an unfiltered list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(max_length=400)] = None


class RegionsQuery(Page):
    level: Level | None = None
    parent: RegionCode | None = None


class IncidentsQuery(Page):
    """`region` takes in everything below it. `quiet_period`: it occurred or was reported in the quiet period,
    violation or not; add `violation=true` for violations of it."""

    region: RegionCode | None = None
    category: Slug | None = None
    status: Status | None = None
    quiet_period: bool | None = None
    violation: bool | None = None

    def to_mongo(self) -> Document:
        return _given(
            region=below(self.region) if self.region else None,
            category=self.category,
            status=self.status.value if self.status else None,
            is_in_quiet_period=self.quiet_period,
            is_violation=self.violation,
        )


class AlertsQuery(Page):
    """`region` takes in everything below it."""

    state: AlertState | None = None
    rule: Slug | None = None
    region: RegionCode | None = None
    period: Annotated[date | None, BeforeValidator(lambda text: text if text is None else strict_date(text))] = None

    def to_mongo(self) -> Document:
        return _given(
            state=self.state.value if self.state else None,
            rule=self.rule,
            region=below(self.region) if self.region else None,
            period=self.period.isoformat() if self.period else None,
        )


def _given(**fields: Any) -> Document:
    return {field: value for field, value in fields.items() if value is not None}


def cursor_of(instant: datetime, document_id: str) -> str:
    """The cursor after a document of a list with the newest first."""
    return encode_cursor(f"{instant.isoformat()} {document_id}")


def after(cursor: str | None) -> After | None:
    """Where a list with the newest first goes on. Raises Problem 422 for a cursor that is not ours."""
    key = decode_cursor(cursor)
    if key is None:
        return None
    instant, _, document_id = key.partition(" ")
    try:
        parsed = datetime.fromisoformat(instant)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or not 2000 <= parsed.year < 2100 or not document_id:
        raise invalid([FieldError("cursor", "cursor")])
    return After(parsed, document_id)
