"""A request's raw body: the right type, uncompressed, of bounded size, in bounded time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from shared.http.problems import Problem

JSON = "application/json"
_UTF_8 = ("utf-8", "utf8", "us-ascii")


def media_type(request: Request) -> str | None:
    """The media type of a plain UTF-8 body. None for a compressed one, whose real size is known too late, for another
    charset, and for contradictory headers. Whoever is silent about the charset means UTF-8 (RFC 8259)."""
    if _said(request, "content-encoding", "identity") != "identity":
        return None
    name, *parameters = _said(request, "content-type", "").split(";")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip().strip('"') not in _UTF_8:
            return None
    return name.strip()


def _said(request: Request, header: str, default: str) -> str:
    """What all fields of a header say: one that stands twice is no value we know."""
    return ", ".join(request.headers.getlist(header) or [default]).strip().lower()


async def read_raw(request: Request, limit_bytes: int, timeout_s: float, wanted: str = JSON) -> bytes:
    """The body, of the media type `wanted`, at most `limit_bytes`, all of it within `timeout_s`. Raises Problem 415,
    413, 408; 400 for a client that left, which nobody reads."""
    if media_type(request) != wanted:
        raise Problem(415, "unsupported_media_type", "unsupported_media_type_detail")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _received(request, limit_bytes)
    except TimeoutError:
        raise Problem(408, "too_slow", "too_slow_detail", limit=f"{timeout_s:g}") from None
    except ClientDisconnect:
        raise Problem(400, "invalid") from None


async def _received(request: Request, limit_bytes: int) -> bytes:
    """Raises Problem 413 as soon as the limit is passed: a chunked body announces nothing."""
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > limit_bytes:
            raise _too_large(limit_bytes)
    return bytes(chunks)


def _too_large(limit_bytes: int) -> Problem:
    return Problem(413, "too_large", "too_large_detail", limit=limit_bytes)
