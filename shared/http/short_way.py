"""The short way of a call: from the connection to a service and back, without ASGI, a task, or a look at what all
other calls need. For the few addresses that are called by the thousand; whatever is unusual takes the usual way.

A call may go it if it came whole in one piece, as small ones do, while no other of its connection is under way. A
service's `ShortWay` looks at its head and may still decline. Then it begins as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

RawHeaders = Sequence[tuple[bytes, bytes]]
Answer = Callable[[int, RawHeaders, bytes], None]  # status, headers without Content-Length, body; once
Address = tuple[bytes, bytes]  # method and target, without a query


class ShortWay(Protocol):
    """False, and nothing has happened: the call goes the usual way. True: `answer` is called, now or later."""

    def __call__(self, headers: list[tuple[bytes, bytes]], body: bytes, answer: Answer) -> bool: ...


def short_ways_of(app: FastAPI) -> Mapping[Address, ShortWay]:
    """Those that an app has laid down in its state."""
    return getattr(app.state, "short_ways", {})


class _NobodyWaits:
    def set(self) -> None: ...


class ShortCall:
    """A call on the short way, in the place of uvicorn's cycle of request and response: the connection asks both the
    same things."""

    message_event = _NobodyWaits()
    more_body = False

    def __init__(
        self,
        way: ShortWay,
        scope: Any,
        transport: Any,
        default_headers: RawHeaders,
        keep_alive: bool,
        on_response: Callable[[], None],
    ) -> None:
        self.way, self.scope = way, scope
        self.keep_alive = keep_alive
        self._transport, self._default_headers, self._on_response = transport, default_headers, on_response
        self.body = b""
        self.is_whole = self.disconnected = self.response_started = self.response_complete = False

    def answer(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """In one piece."""
        if self.disconnected or self.response_complete:
            return
        fields, has_closed = [STATUS_LINE[status]], False
        for name, value in (*self._default_headers, *headers):
            fields += (name, b": ", value, b"\r\n")
            if name == b"connection":  # of ours, which says nothing but `close`
                self.keep_alive, has_closed = False, True
        if not self.keep_alive and not has_closed:
            fields.append(b"connection: close\r\n")
        fields += (b"content-length: %d\r\n\r\n" % len(body), body)
        self._transport.write(b"".join(fields))
        self.response_started = self.response_complete = True
        if not self.keep_alive:
            self._transport.close()
        self._on_response()
