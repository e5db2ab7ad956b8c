"""Answers to what never becomes a request of the app: a head that is too long, or no HTTP at all."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from shared.http.auth_header import language
from shared.http.problems import Problem, render
from shared.texts import language_of

MAX_ADDRESS_BYTES = 4 * 1024  # a thousand wrong parameters cost more to answer than to send
MAX_HEAD_BYTES = 32 * 1024  # request line and headers; for the trailers and chunk sizes of a body as well
_AROUND = len(": \r\n")

RawHeaders = Sequence[tuple[bytes, bytes]]

NO_HTTP = Problem(400, "malformed", "malformed_detail")
HEAD_TOO_LARGE = Problem(431, "head_too_large", "head_too_large_detail", limit=MAX_HEAD_BYTES)
_ADDRESS_TOO_LONG = Problem(414, "address_too_long", "address_too_long_detail", limit=MAX_ADDRESS_BYTES)


def app_for(address: bytes, headers: RawHeaders, app: ASGIApp) -> ASGIApp:
    """Who answers a request with this head: the app, or one that refuses it."""
    if len(address) > MAX_ADDRESS_BYTES:
        return _refusing(_ADDRESS_TOO_LONG)
    if len(address) + sum(len(name) + len(value) + _AROUND for name, value in headers) > MAX_HEAD_BYTES:
        return _refusing(HEAD_TOO_LARGE)
    return app


def _refusing(problem: Problem) -> ASGIApp:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await render(problem, language(Request(scope)))(scope, receive, send)

    return refuse


def last_answer(problem: Problem, headers: RawHeaders) -> bytes:
    """The answer that ends a connection, in the language of what came of the head."""
    answer = render(problem, language_of(Headers(raw=list(headers)).get("accept-language")))
    fields = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
    return STATUS_LINE[problem.status] + fields + b"connection: close\r\n\r\n" + bytes(answer.body)
