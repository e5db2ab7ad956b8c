"""uvicorn's HTTP connection with the bounds it lacks: on a request's head, on the time for it, on requests that are
sent before their turn, on what is still sent after the answer, and on the time for reading an answer.

Without them one client without a key fills the memory with a header that never ends (200 MB held after as many were
sent), with requests that wait for each other (100 connections: 2 GB, and nobody else served for 15 s) or the loop's
time with an address that never ends (joined anew with each read), and a body that never ends is read for ever although
its answer was given. What a body may be is the reading route's business.

Three things that uvicorn takes as they come are put right here too: trailers are no headers, a request that wishes
for another protocol is one like any other, and what is no HTTP does not take the answer of the request before it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.http.early_answers import HEAD_TOO_LARGE, MAX_HEAD_BYTES, NO_HTTP, app_for, last_answer
from shared.http.problems import Problem
from shared.http.short_way import Address, ShortCall, ShortWay

HEAD_TIMEOUT_S = 30.0
# A client that is still sending when its answer is there may finish, so that it reads the answer: closing at once
# would reset the connection, and many clients report that instead of the 413.
MAX_BYTES_AFTER_ANSWER = 16 * 1024 * 1024
AFTER_ANSWER_S = 10.0
MOST_WAITING = 32  # requests of one connection that came before the answer to an earlier one
# An answer that has not moved for so long (twice as long at most) is let go of. A connection that was closed stays
# open until all is read, so this alone ends it.
UNREAD_S = 120.0

# In a request's `state`: how an answer lets go of a client that does not read, and that an answer has no end.
ABORT, ENDLESS = "desk.abort", "desk.endless"

_PIECE = 16 * 1024  # what is fed to the parser at a time, so that a bound is noticed soon after it is passed
_OF_UPGRADES = (b"upgrade", b"connection", b"http2-settings")
_FRAMING = 16  # bytes of framing that one byte of a body may need: clients may send chunks of one byte


class BoundedConnection(HttpToolsProtocol):
    """One connection of a client, with its requests one after the other."""

    def __init__(self, *args: Any, short_ways: Mapping[Address, ShortWay] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short_ways = short_ways or {}
        self._is_in_head = False
        self._is_in_body = False
        self._is_over = False  # nothing more is read; what was asked before is answered
        self._framing_left = MAX_HEAD_BYTES
        self._after_answer_left = MAX_BYTES_AFTER_ANSWER
        self._piece = self._began_in = b""
        self._served: RequestResponseCycle | ShortCall | None = None
        self._short: ShortCall | None = None  # that is not whole yet
        self._deadline: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_deadline(HEAD_TIMEOUT_S)
        self._look_for_unread(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_deadline(None)
        if self._look is not None:
            self._look.cancel()
        # uvicorn tells the latest request alone; one before it would wait for ever, or write to what is closed.
        for cycle in (self._served, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._framing_left -= len(piece)
            if self._is_over or (self._is_in_body and self.cycle.response_complete):
                self._after_answer_left -= len(piece)
            self._piece = piece
            if not self._is_over:
                super().data_received(piece)
                if self._short is not None:  # the rest of its body is still to come
                    self._leave_the_short_way()
            if self.transport.is_closing():
                return
            if self._after_answer_left < 0 or len(self.pipeline) > MOST_WAITING:
                self.transport.close()
                return
            if self._framing_left < 0:
                self._refuse(HEAD_TOO_LARGE)
                return
        if self._is_in_head and self._deadline is None:
            self._set_deadline(HEAD_TIMEOUT_S)

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._began_in = self._piece
        if self.cycle is not None:  # the answer before may have been given a moment ago, in the same piece
            self._set_deadline(None)
            self._unset_keepalive_if_required()
        self._framing_left = MAX_HEAD_BYTES
        super().on_message_begin()
        self.scope["state"][ABORT] = self.transport.abort

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are dropped (RFC 9110, 6.5.1): nobody between us and the client has looked at them as headers."""
        if self._is_in_body:
            return
        name = name.lower()  # from here on as uvicorn does: the call alone is felt with every header
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():  # comes again, without the wish
            return
        self._is_in_head, self._is_in_body = False, True
        self._framing_left = MAX_HEAD_BYTES
        self._set_deadline(None)
        if self._short_ways and self._goes_short():
            return
        self._go_the_usual_way()

    def _go_the_usual_way(self) -> None:
        self.app = app_for(self.url, self.headers, self.config.loaded_app)
        super().on_headers_complete()

    def _goes_short(self) -> bool:
        """Whether the call may turn out to be one for the short way: then it waits for the rest of this piece."""
        way = self._short_ways.get((self.parser.get_method(), self.url))
        is_alone = self.cycle is None or self.cycle.response_complete
        # Of a head that came whole within a piece the bounds need not be counted.
        if way is None or not is_alone or self.expect_100_continue or self._began_in is not self._piece:
            return False
        keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        headers = self.server_state.default_headers
        self._short = ShortCall(way, self.scope, self.transport, headers, keep_alive, self.on_response_complete)
        return True

    def _leave_the_short_way(self) -> None:
        """As if it had never been on it."""
        short, self._short = self._short, None
        assert short is not None
        self._go_the_usual_way()
        if short.body:
            super().on_body(short.body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._framing_left += (1 + _FRAMING) * len(body)
        if self._short is not None:
            self._short.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._is_in_body = False
        if self._short is not None:
            self._take_short(self._short)
        else:
            super().on_message_complete()
        if self.cycle.response_complete:  # uvicorn waits for a next request only where the answer came last
            self._set_deadline(self.timeout_keep_alive)

    def _take_short(self, short: ShortCall) -> None:
        before, self.cycle, self._served = self.cycle, short, short  # type: ignore[assignment]
        if short.way(self.headers, short.body, short.answer):
            self._short = None
            return
        self.cycle = before
        self._leave_the_short_way()
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """uvicorn asks for this word where the parser gave up after the head of such a request (`Upgrade: h2c`, which
        Java's client sends with its first one). Whoever does not know the protocol goes on with the old one (RFC 9110,
        7.8); the parser would lose the body, or take it for the next request."""
        stopped, method = sys.exception(), self.parser.get_method()
        if stopped is None or method == b"CONNECT":
            self._refuse(NO_HTTP)
            return
        wishes = b",".join(value.lower() for name, value in self.headers if name == b"connection")
        head = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%s: %s" % header for header in self.headers if header[0] not in _OF_UPGRADES]
        head += [b"connection: close"] if b"close" in wishes else []
        self.parser = HttpRequestParser(self)  # the old one may have read `close`
        super().data_received(b"\r\n".join(head) + b"\r\n\r\n" + self._piece[stopped.args[0] :])

    def send_400_response(self, msg: str) -> None:
        """uvicorn's word for what is no HTTP."""
        self._refuse(NO_HTTP)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_body and self.cycle.response_complete and not self.transport.is_closing():
            self._after_answer_left = MAX_BYTES_AFTER_ANSWER
            self._set_deadline(AFTER_ANSWER_S)

    def shutdown(self) -> None:
        """uvicorn waits for answers that are being sent; one without an end is ended."""
        super().shutdown()
        if self.cycle is not None and self.cycle.scope["state"].get(ENDLESS):
            self.transport.close()

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        if self._is_in_head:
            self._refuse(Problem(408, "too_slow", "too_slow_head", limit=f"{HEAD_TIMEOUT_S:g}"))
        else:
            self.transport.close()

    def _look_for_unread(self, before: int) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread and unread == before:
            self.transport.abort()
        else:
            self._look = self.loop.call_later(UNREAD_S, self._look_for_unread, unread)

    def _refuse(self, problem: Problem) -> None:
        """Answer, and close. Whole requests that came before get their own answers first: one that was taken must not
        be told that it was refused."""
        if self._short is not None:
            self._leave_the_short_way()
        is_waiting = self.cycle is not None and not self.cycle.response_complete
        if is_waiting and not self._is_in_body:
            self._is_over, self._is_in_head = True, False
            self._set_deadline(None)
            self.cycle.keep_alive = False
            return
        is_first_word = is_waiting and self.cycle is self._served and not self.cycle.response_started
        if not self._is_in_body or is_first_word:
            self.transport.write(last_answer(problem, self.headers or ()))
        self.transport.close()
