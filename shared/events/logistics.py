"""How much of an item of logistics a region has received: `desk.logistics.v1` on the topic `desk.logistics`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.events.envelope import Envelope, Frozen
from shared.strict import Instant, ShortText, Slug

MOST_PIECES = 10**9  # five ballots for each of the nation's 203,657,354 voters, and no more
Pieces = Annotated[int, Field(ge=0, le=MOST_PIECES, description="pieces")]


class LogisticsData(Frozen):
    """A statement of stock, not a delivery: `received` is all that had come by `as_of`, of the `required` pieces.
    `item` is a slug of the election file. The statement with the latest `as_of` holds."""

    item: Slug
    required: Pieces
    received: Pieces
    as_of: Instant
    source_office: ShortText | None = None


class LogisticsEvent(Envelope):
    """The wire form is golden: tests/unit/golden/."""

    type: Literal["desk.logistics.v1"] = "desk.logistics.v1"
    data: LogisticsData
