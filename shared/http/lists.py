"""Lists over HTTP: what they take and what they answer, `{"items": [...], "next": cursor or null}`, in a stable order,
no hidden filter. Queries become equalities and ranges alone."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from shared.events.alert import AlertState
from shared.http.problems import FieldError, invalid
from shared.mongo import Document, below
from shared.strict import Day, RegionCode, Slug

T = TypeVar("T")

DEFAULT_LIMIT = 200
MAX_LIMIT = 1000


class Page(BaseModel):
    """`limit` items after `cursor`, which is `next` of the page before. A parameter we do not know is refused: a
    misspelt filter must not look like an unfiltered list. `called` stands in each cursor: that of another list would
    begin somewhere."""

    called: ClassVar[str]
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="items per page")] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(max_length=500, description="`next` of the page before")] = None

    @property
    def after(self) -> str | None:
        """The key after which the page begins. Raises Problem 422 for a cursor that is not ours."""
        return decode_cursor(self.called, self.cursor)

    def of(self, found: Sequence[T], key: Callable[[T], str]) -> Document:
        """The answer: a page of `found`, of which there is at least one more than asked for if there are more pages.
        `key` says after which key the next page begins."""
        shown = found[: self.limit]
        following = encode_cursor(self.called, key(shown[-1])) if len(found) > len(shown) else None
        return {"items": list(shown), "next": following}


class AlertsQuery(Page):
    """`region` takes in everything below it."""

    called = "alerts"
    state: AlertState | None = None
    rule: Slug | None = None
    region: RegionCode | None = None
    period: Day | None = None

    def to_mongo(self) -> Document:
        return given(
            state=self.state.value if self.state else None,
            rule=self.rule,
            region=below(self.region) if self.region else None,
            period=self.period.isoformat() if self.period else None,
        )


def given(**fields: Any) -> Document:
    """The fields that somebody asked for."""
    return {field: value for field, value in fields.items() if value is not None}


def encode_cursor(called: str, last_key: str) -> str:
    """`called` is the list's name, without a blank."""
    return base64.urlsafe_b64encode(f"{called} {last_key}".encode()).decode().rstrip("=")


def decode_cursor(called: str, cursor: str | None) -> str | None:
    """The key in a cursor. Raises Problem 422 for one that is not ours, or another list's."""
    if cursor is None:
        return None
    try:
        said = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # not base64 (binascii.Error), not ASCII, not UTF-8
        said = ""
    of_list, _, key = said.partition(" ")
    if of_list != called:
        raise invalid([FieldError("cursor", "cursor")])
    return key
