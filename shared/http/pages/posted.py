"""What a browser posts: one small form, urlencoded, with known fields alone."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.http.pages.same_site import is_ours
from shared.http.problems import Problem
from shared.http.raw_body import read_raw

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_BYTES = 16_384
TIMEOUT_S = 20.0


async def read_form(
    request: Request, known: Collection[str], timeout_s: float = TIMEOUT_S, most_bytes: int = MOST_BYTES
) -> dict[str, str]:
    """Field -> what was typed, all of it within `timeout_s`. Raises Problem 403 for a post from somebody else's page;
    415, 413, 408; 400 for what none of our pages makes a browser send."""
    if not is_ours(request.headers):
        raise Problem(403, "forbidden")
    raw = await read_raw(request, most_bytes, timeout_s, MEDIA_TYPE)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=len(known),
        )
    except ValueError:  # no pairs, too many of them, or no UTF-8
        raise Problem(400, "invalid") from None
    typed = dict(pairs)
    if len(typed) < len(pairs) or not typed.keys() <= set(known):
        raise Problem(400, "invalid")
    return typed
