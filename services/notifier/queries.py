"""What the notifier's lists take: typed, nothing unknown (`shared/http/lists.py` has the rest)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.holding.silences import SilenceState
from services.notifier.rules import RULES
from shared.http import lists
from shared.http.lists import Page, given
from shared.mongo import Document, below
from shared.strict import Day, Instant, RegionCode, Slug

DeliveryState = Literal["held", "pending", "delivered", "dead", "suppressed"]


RuleName = Annotated[str, Field(pattern=f"^({'|'.join(RULES)})$")]


class AlertsQuery(lists.AlertsQuery):
    """As everywhere; a rule that is none of ours is refused."""

    called = "alerts-by-id"  # the aggregator's are in another order
    rule: RuleName | None = None


class DeliveriesQuery(Page):
    called = "deliveries"
    state: DeliveryState | None = None


class ExcusesQuery(Page):
    """`region` takes in everything below it."""

    called = "excuses"
    region: RegionCode | None = None

    def to_mongo(self) -> Document:
        return lists.given(region=below(self.region) if self.region else None)


class ObligationsQuery(Page):
    """`period` is the day a report is for."""

    called = "obligations"
    period: Day


class NoticesFilter(BaseModel):
    """`from` and `until` are of the election's time of what happened; `region` takes in everything below it."""

    model_config = ConfigDict(extra="forbid")

    alert: Annotated[str | None, Field(max_length=300, description="an alert's id")] = None
    receiver: Slug | None = None
    rule: RuleName | None = None
    region: RegionCode | None = None
    state: DeliveryState | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None

    def to_mongo(self) -> Document:
        when = given(**{"$gte": self.from_, "$lt": self.until})
        about = {"$elemMatch": {"region": below(self.region)}} if self.region else None
        return given(
            alerts=self.alert,
            receiver=self.receiver,
            state=self.state,
            **{"payload.data.rule": self.rule, "payload.data.alerts": about, "payload.timestamp": when or None},
        )


class NoticesQuery(NoticesFilter, Page):
    """A page of them."""

    called = "notices"


class NoticesExport(NoticesFilter):
    """All of them. Excel in Indonesian opens `semicolon`, in American English `comma`."""

    separator: Literal["semicolon", "comma"] = "semicolon"


class SilencesQuery(Page):
    """`region` takes in everything below it."""

    called = "silences"
    state: SilenceState | None = None
    rule: RuleName | None = None
    region: RegionCode | None = None

    def to_mongo(self, now: datetime) -> Document:
        return {
            **given(rule=self.rule, region=below(self.region) if self.region else None),
            **(_IN_STATE[self.state](now) if self.state else {}),
        }


_IN_STATE: Mapping[SilenceState, Callable[[datetime], Document]] = {
    SilenceState.PLANNED: lambda now: {"over_at": {"$gt": now}, "from": {"$gt": now}},
    SilenceState.ACTIVE: lambda now: {"over_at": {"$gt": now}, "from": {"$lte": now}},
    SilenceState.OVER: lambda now: {"over_at": {"$lte": now}},
}
