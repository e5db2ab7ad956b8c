"""What the aggregator's own lists take (`shared/http/lists.py` has the rest), and cursors with the newest first."""

from __future__ import annotations

import re
from datetime import datetime

from services.aggregator.state.incidents import Status
from services.aggregator.store import After
from shared.election.config import Level
from shared.http.lists import Page, given
from shared.http.problems import FieldError, invalid
from shared.mongo import Document, below
from shared.strict import REGION_CODE, Day, RegionCode, Slug


class RegionsQuery(Page):
    called = "regions"
    level: Level | None = None
    parent: RegionCode | None = None


class PeriodsQuery(Page):
    called = "periods"


class AttendanceQuery(Page):
    called = "attendance"


class ReportsQuery(Page):
    """`region` takes in everything below it. Without `withdrawn` both kinds are listed."""

    called = "reports"
    region: RegionCode | None = None
    period: Day | None = None
    withdrawn: bool | None = None

    def to_mongo(self) -> Document:
        return given(
            region=below(self.region) if self.region else None,
            period=self.period.isoformat() if self.period else None,
            is_withdrawn=self.withdrawn,
            received_at={"$type": "date"},  # a withdrawal whose report has not come is no report
        )


class IncidentsQuery(Page):
    """`region` takes in everything below it. `quiet_period`: it occurred or was reported in the quiet period,
    violation or not; add `violation=true` for violations of it. `status=orphan`: nobody has reported the incident
    yet."""

    called = "incidents"
    region: RegionCode | None = None
    category: Slug | None = None
    status: Status | None = None
    quiet_period: bool | None = None
    violation: bool | None = None

    def to_mongo(self) -> Document:
        return given(
            region=below(self.region) if self.region else None,
            category=self.category,
            status=self.status.value if self.status else None,
            is_in_quiet_period=self.quiet_period,
            is_violation=self.violation,
        )


class LogisticsQuery(Page):
    """`region` takes in everything below it."""

    called = "logistics"
    region: RegionCode | None = None
    item: Slug | None = None

    @property
    def after_stock(self) -> tuple[str, str] | None:
        """The region and item after which the page begins. Raises Problem 422 for a cursor that is not ours."""
        if self.after is None:
            return None
        region, _, item = self.after.partition("/")
        if not re.fullmatch(REGION_CODE, region) or not item:
            raise invalid([FieldError("cursor", "cursor")])
        return region, item

    def to_mongo(self) -> Document:
        return given(region=below(self.region) if self.region else None, item=self.item)


def newest_key(instant: datetime, document_id: str) -> str:
    """A document's key in a list with the newest first."""
    return f"{instant.isoformat()} {document_id}"


def newest_after(key: str | None) -> After | None:
    """Where a list with the newest first goes on: after the key in its cursor. Raises Problem 422 for one that is not
    ours."""
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
