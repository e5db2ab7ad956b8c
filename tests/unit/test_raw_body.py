"""Receiving a body: which ones, how large, how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from shared.http.problems import Problem
from shared.http.raw_body import media_type, read_raw

JSON = {"content-type": "application/json"}


def request(*headers: tuple[str, str], chunks: AsyncIterator[bytes | None] | None = None) -> Request:
    """A request whose body comes chunk by chunk; None is a client that leaves."""

    async def receive() -> dict[str, Any]:
        assert chunks is not None
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}
        return (
            {"type": "http.disconnect"}
            if chunk is None
            else {"type": "http.request", "body": chunk, "more_body": True}
        )

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "headers": raw}, receive)


async def refusal(*headers: tuple[str, str], chunks: AsyncIterator[bytes | None]) -> int:
    with pytest.raises(Problem) as caught:
        await read_raw(request(*JSON.items(), *headers, chunks=chunks), limit_bytes=1_000, timeout_s=0.1)
    return caught.value.status


async def slow() -> AsyncIterator[bytes | None]:
    """A byte at a time, for ever; each alone comes soon enough."""
    while True:
        yield b" "
        await asyncio.sleep(0.01)


async def never() -> AsyncIterator[bytes | None]:
    await asyncio.Event().wait()
    yield b""


async def leaving() -> AsyncIterator[bytes | None]:
    yield b"{"
    yield None


async def test_body_in_pieces() -> None:
    """All pieces, in order."""

    async def pieces() -> AsyncIterator[bytes | None]:
        for piece in (b'{"a"', b"", b": 1}"):
            yield piece

    assert await read_raw(request(*JSON.items(), chunks=pieces()), 1_000, 1.0) == b'{"a": 1}'


async def test_slow_body_is_given_up() -> None:
    """408 once the time for the whole body is over, however soon each byte follows the one before."""
    assert await refusal(chunks=slow()) == 408
    assert await refusal(chunks=never()) == 408


async def test_endless_body_is_cut_off() -> None:
    """413 as soon as the limit is passed, nothing is read beyond it."""
    read = []

    async def endless() -> AsyncIterator[bytes | None]:
        while True:
            read.append(b" " * 100)
            yield read[-1]

    assert await refusal(chunks=endless()) == 413
    assert len(read) == 11


async def test_announced_length_is_believed_at_once() -> None:
    """413 before anything is read; a length that is no number is too large as well."""
    for length in ("1001", "9" * 5_000, "-1", "1e3", "²"):
        assert await refusal(("content-length", length), chunks=never()) == 413


async def test_client_that_leaves() -> None:
    """An answer that nobody reads."""
    assert await refusal(chunks=leaving()) == 400


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ""),
        ([("content-type", "application/json")], "application/json"),
        ([("content-type", " Application/JSON ; charset=UTF-8")], "application/json"),
        ([("content-type", 'text/csv; header=present; charset="utf8"')], "text/csv"),
        ([("content-type", "application/json; charset=latin-1")], None),
        ([("content-type", "application/json; charset=")], None),
        ([("content-type", "application/json; charset=utf-8; charset=utf-16")], None),
        ([("content-type", "application/json"), ("content-type", "text/csv")], "application/json, text/csv"),
        ([("content-type", "application/json"), ("content-encoding", "identity")], "application/json"),
        ([("content-type", "application/json"), ("content-encoding", "gzip")], None),
        ([("content-encoding", "identity"), ("content-encoding", "gzip")], None),
    ],
)
def test_media_type(headers: list[tuple[str, str]], expected: str | None) -> None:
    """The type of a plain UTF-8 body; None where it is compressed, in another charset, or contradicts itself."""
    assert media_type(request(*headers)) == expected


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_any_header_has_an_answer(content_type: str, encoding: str) -> None:
    """No header makes an exception, and none that is not ours passes as JSON."""
    found = media_type(request(("content-type", content_type), ("content-encoding", encoding)))
    assert found != "application/json" or content_type.lower().lstrip().startswith("application/json")
