"""What a browser posts: one small form, urlencoded, with known fields alone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from shared.http.pages.same_site import is_ours
from shared.http.problems import Problem

MEDIA_TYPE = "application/x-www-form-urlencoded"
MOST_BYTES = 16_384
TIMEOUT_S = 20.0


async def read_form(request: Request, known: Collection[str]) -> dict[str, str]:
    """Field -> what was typed. Raises Problem 403 for a post from somebody else's page; 415, 413, 408; 400 for what
    none of our pages makes a browser send."""
    if not is_ours(request.headers):
        raise Problem(403, "forbidden")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Problem(415, "unsupported_media_type", "unsupported_media_type_detail")
    raw = await _read(request)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError:  # no pairs, too many of them, or no UTF-8
        raise Problem(400, "invalid") from None
    typed = dict(pairs)
    if len(typed) < len(pairs) or not typed.keys() <= set(known):
        raise Problem(400, "invalid")
    return typed


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Problem(413, "too_large", "too_large_detail", limit=MOST_BYTES)
    except TimeoutError:
        raise Problem(408, "too_slow", "too_slow_detail", limit=f"{TIMEOUT_S:g}") from None
    except ClientDisconnect:  # nobody reads this
        raise Problem(400, "invalid") from None
    return bytes(body)
