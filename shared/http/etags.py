"""ETags of JSON answers: strong, of the bytes; whoever asks again for the same is answered 304 (RFC 9110, 8.8.3).

The answer is made either way; what is saved is sending it, and the client's reading it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Whose key asks decides who may see it: nothing in between may keep it, and a browser asks again each time.
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}

# For OpenAPI.
NOT_MODIFIED: dict[str, Any] = {
    "description": "Nothing has changed since the answer whose `ETag` was sent in `If-None-Match`.",
    "headers": {"ETag": {"schema": {"type": "string"}, "required": True, "description": "of the same answer"}},
}


def etag_of(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def is_among(etag: str, if_none_match: str | None) -> bool:
    """Whether the client has it already, by the weak comparison that `If-None-Match` asks for."""
    if if_none_match is None:
        return False
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return "*" in named or etag in named


class Etags:
    """ASGI middleware over the GET answers below one path: those that are JSON, 200, and sent in one piece."""

    def __init__(self, app: ASGIApp, below: str) -> None:
        self._app, self._below = app, below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._below):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(Headers(scope=scope).get("if-none-match"), send))


class _Answer:
    """Holds an answer's head back until its body is there."""

    def __init__(self, if_none_match: str | None, send: Send) -> None:
        self._if_none_match, self._send = if_none_match, send
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_json(message):
            self._head = message
        elif self._head is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            head, self._head = self._head, None
            for told in [head, message] if message.get("more_body") else self._tagged(head, message.get("body", b"")):
                await self._send(told)

    def _tagged(self, head: Message, body: bytes) -> list[Any]:
        etag, is_known = etag_of(body), False
        headers = MutableHeaders(raw=list(head["headers"]))
        headers["ETag"] = etag
        headers.update(CACHING)
        if is_among(etag, self._if_none_match):
            is_known = True
            del headers["content-length"], headers["content-type"]
        answer = {**head, "headers": headers.raw, "status": 304 if is_known else head["status"]}
        return [answer, {"type": "http.response.body", "body": b"" if is_known else body}]


def _is_json(head: Message) -> bool:
    return head["status"] == 200 and Headers(raw=head["headers"]).get("content-type") == "application/json"
