"""Reading what a browser posts: from our own pages alone, one small form in bounded time, each field once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request

from shared.http.pages.posted import MEDIA_TYPE, read_form
from shared.http.problems import Problem

OURS = {"sec-fetch-site": "same-origin", "content-type": MEDIA_TYPE}


def a_post(chunks: AsyncIterator[bytes], headers: dict[str, str]) -> Request:
    async def receive() -> dict[str, Any]:
        chunk = await anext(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    raw = [(name.encode(), value.encode()) for name, value in {**OURS, **headers}.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


async def whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def slow() -> AsyncIterator[bytes]:
    """A byte at a time, for ever; each alone comes soon enough."""
    while True:
        yield b"k"
        await asyncio.sleep(0.01)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"k" * 400


@pytest.mark.parametrize(
    ("chunks", "headers", "status"),
    [
        (whole(b"key=a"), {"sec-fetch-site": "same-site"}, 403),
        (whole(b"key=a"), {"content-type": "text/plain"}, 415),
        (whole(b"key=a"), {"content-type": f"{MEDIA_TYPE}; charset=utf-16"}, 415),
        (whole(b"key=a"), {"content-encoding": "gzip"}, 415),
        (whole(b"key=a"), {"content-length": "1001"}, 413),
        (endless(), {}, 413),
        (slow(), {}, 408),
        (whole(b"key=a&key=b"), {}, 400),
        (whole(b"key=a&other=b"), {}, 400),
        (whole(b"key=a&back=b&other=c"), {}, 400),
        (whole(b"key=%ff"), {}, 400),
        (whole("key=é".encode()), {}, 400),
        (whole(b"key"), {}, 400),
    ],
)
async def test_what_our_pages_do_not_send_is_refused(
    chunks: AsyncIterator[bytes], headers: dict[str, str], status: int
) -> None:
    """Whoever sends it, and however slowly."""
    with pytest.raises(Problem) as caught:
        await read_form(a_post(chunks, headers), ("key", "back"), timeout_s=0.1, most_bytes=1_000)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("content", "typed"),
    [(b"key=a&back=%2F", {"key": "a", "back": "/"}), (b"key=", {"key": ""}), (b"", {})],
)
async def test_what_was_typed(content: bytes, typed: dict[str, str]) -> None:
    """Field by field; what was left empty is empty, and a form may have no field at all."""
    assert await read_form(a_post(whole(content), {}), ("key", "back")) == typed
