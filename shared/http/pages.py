"""Lists over HTTP: `{"items": [...], "next": cursor or null}`, in a stable order, no hidden filter."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from shared.http.problems import FieldError, invalid
from shared.strict import REGION_CODE

DEFAULT_LIMIT = 200
MAX_LIMIT = 1000

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="items per page")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]
RegionQuery = Annotated[str | None, Query(pattern=REGION_CODE)]


def encode_cursor(last_key: str) -> str:
    return base64.urlsafe_b64encode(last_key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key after which the page begins. Raises Problem 422 for a cursor that is not ours."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # not base64 (binascii.Error), not ASCII, not UTF-8
        raise invalid([FieldError("cursor", "cursor")]) from None


def page(items: Sequence[dict[str, Any]], limit: int, last_key: str | None) -> dict[str, Any]:
    """One page of `items`, of which there may be one more than `limit`; `last_key` is that of the last one shown."""
    has_more = len(items) > limit
    return {"items": list(items[:limit]), "next": encode_cursor(last_key) if has_more and last_key else None}


def below(code: str) -> dict[str, str]:
    """A region and everything below it as a MongoDB range over codes: `/` is the character after `.`."""
    return {"$gte": code, "$lt": f"{code}/"}
