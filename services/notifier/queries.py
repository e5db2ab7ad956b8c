"""What the notifier's lists take: typed, nothing unknown (`shared/http/lists.py` has the rest)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.notifier.rules import RULES
from shared.http import lists
from shared.http.lists import Page
from shared.strict import Day

DeliveryState = Literal["pending", "delivered", "dead", "suppressed"]


RuleName = Annotated[str, Field(pattern=f"^({'|'.join(RULES)})$")]


class AlertsQuery(lists.AlertsQuery):
    """As everywhere; a rule that is none of ours is refused."""

    rule: RuleName | None = None


class DeliveriesQuery(Page):
    state: DeliveryState | None = None


class ObligationsQuery(Page):
    """`period` is the day a report is for."""

    period: Day
