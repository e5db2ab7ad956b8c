"""The bounds of a connection, over real sockets: what is cut off, and that nothing of honest clients is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from shared.http import connection
from shared.http.connection import MOST_WAITING, BoundedConnection
from shared.http.early_answers import MAX_ADDRESS_BYTES, MAX_HEAD_BYTES

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
MiB = 1024 * 1024
LARGE = 32 * MiB
left: list[bool] = []  # whoever asked for `/left` has
ANSWERED = b"HTTP/1.1 200"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers its length, at `/slow` some time later; `/early` before it reads anything, `/large`
    with much, `/headers` with the names of the headers that there are then, `/left` nothing before the client has
    left."""
    while scope["path"] == "/left":
        if (await receive())["type"] == "http.disconnect":
            left.append(True)
            return
    length = 0
    while scope["path"] not in ("/early", "/large"):
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    body = b"%d" % length
    if scope["path"] == "/large":
        body = b" " * LARGE
    elif scope["path"] == "/headers":
        body = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


went_short: list[bytes] = []


def at_once(_headers: Any, body: bytes, answer: Any) -> bool:
    """A ShortWay that answers as the app does, and declines what begins with `usual`."""
    if body.startswith(b"usual"):
        return False
    went_short.append(body)
    answer(200, [], b"%d" % len(body))
    return True


def later(headers: Any, body: bytes, answer: Any) -> bool:
    asyncio.get_running_loop().call_later(0.2, at_once, headers, body, answer)
    return True


ways: dict[tuple[bytes, bytes], Any] = {}


@pytest.fixture(autouse=True, params=["usual", "short"])
def _both_ways(request: pytest.FixtureRequest) -> None:
    """Whatever holds of a connection holds with short ways, too."""
    went_short.clear()
    ways.clear()
    if request.param == "short":
        ways.update({(b"POST", b"/"): at_once, (b"POST", b"/slow"): later})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of a server that makes our connections."""
    config = uvicorn.Config(app, http=BoundedConnection, ws="none", log_config=None, timeout_keep_alive=1)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedConnection(config, state, {}, short_ways=ways), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()
    await server.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server closes the connection, which it must within some seconds."""
    received = b""
    async with asyncio.timeout(5):
        try:
            while chunk := await reader.read(65_536):
                received += chunk
        except ConnectionResetError:
            pass
    return received


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer, which must be a 200."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(ANSWERED), head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return await reader.readexactly(length)


async def test_honest_requests_pass() -> None:
    """One after the other, several in one packet, a head in pieces, and a body in chunks of one byte."""
    plain = HEAD + b"Content-Length: 3\r\n\r\nabc"
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(plain)
            assert await answer(reader) == b"3"
        writer.write(plain * 3)
        assert [await answer(reader) for _ in range(3)] == [b"3"] * 3
        for letter in plain:
            writer.write(bytes([letter]))
            await writer.drain()
        assert await answer(reader) == b"3"
        chunks = b"1\r\n \r\n" * 65_536
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert await answer(reader) == b"65536"
        writer.write(HEAD + b"Cookie: " + b"a" * (MAX_HEAD_BYTES - 1_000) + b"\r\nContent-Length: 0\r\n\r\n")
        assert await answer(reader) == b"0"


async def test_body_that_comes_after_its_answer_is_let_come() -> None:
    """So that a client with a body of megabytes reads why it was refused, and may go on."""
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(HEAD.replace(b"/", b"/early", 1) + b"Content-Length: %d\r\n\r\n" % (8 * MiB))
            for _ in range(8):
                writer.write(b" " * MiB)
                await writer.drain()
            assert await answer(reader) == b"0"


async def test_body_that_comes_after_its_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bytes, and of time."""
    monkeypatch.setattr(connection, "AFTER_ANSWER_S", 0.2)
    early = HEAD.replace(b"/", b"/early", 1) + b"Content-Length: %d\r\n\r\n" % (100 * MiB)

    async def send_all(writer: asyncio.StreamWriter) -> None:
        for _ in range(100):
            writer.write(b" " * MiB)
            await writer.drain()

    async with connected() as (_, writer):
        writer.write(early)
        with pytest.raises(ConnectionResetError):
            await send_all(writer)
    async with connected() as (reader, writer):
        writer.write(early + b" ")
        assert (await ended(reader)).startswith(ANSWERED)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (HEAD, b"X-Filler: " + b"a" * 1_000 + b"\r\n"),
        (HEAD + b"X-Filler: ", b"a" * 10_000),
        (b"GET /", b"a" * 10_000),
    ],
    ids=["headers", "a header", "an address"],
)
@pytest.mark.parametrize("before", [0, 2])
async def test_head_has_a_size(begin: bytes, more: bytes, before: int) -> None:
    """431, and the end, in the first request or in a later one."""
    async with connected() as (reader, writer):
        for _ in range(before):
            writer.write(HEAD + b"Content-Length: 1\r\n\r\nx")
            assert await answer(reader) == b"1"
        writer.write(begin + more * (2 * MAX_HEAD_BYTES // len(more)))
        received = await ended(reader)
        assert received.partition(b"HTTP/1.1 431")[2].count(b"urn:desk-pilkada:problem:head_too_large") == 1


@pytest.mark.parametrize("more", [b"", b"P", HEAD], ids=["nothing", "a letter", "half a head"])
async def test_head_has_a_time(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    """Whoever begins is answered 408, whoever says nothing is left without a word, at first and later on."""
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.3)
    async with connected() as (reader, writer):
        writer.write(more)
        received = await ended(reader)
        assert received.startswith(b"HTTP/1.1 408") == bool(more)
    async with connected() as (reader, writer):
        writer.write(HEAD + b"Content-Length: 0\r\n\r\n" + more)
        received = await ended(reader)
        assert (b"HTTP/1.1 408" in received) == bool(more)


async def test_long_address() -> None:
    """414; the next request is answered as ever."""
    async with connected() as (reader, writer):
        writer.write(b"GET /?" + b"a" * MAX_ADDRESS_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 414")
        writer.write(HEAD + b"Content-Length: 1\r\n\r\nx")
        assert await answer(reader) == b"1"


async def test_nonsense() -> None:
    """What is no HTTP is closed; an upgrade that nobody offers is answered as if it had not been asked for."""
    for nonsense in (b"\x16\x03\x01\x02\x00\x01" * 100, b"\r\n" * 65_536, b"GET / HTTP/9.9\r\n\r\n"):
        async with connected() as (reader, writer):
            writer.write(nonsense)
            assert not (await ended(reader)).startswith(ANSWERED)
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert await answer(reader) == b"0"


@pytest.mark.parametrize(
    "extra",
    [b"x", b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", HEAD + b"A: " + b"a" * 100_000],
    ids=["a letter", "zeros", "no version", "a head without an end"],
)
@pytest.mark.parametrize("pause_s", [0, 0.1])
async def test_nonsense_takes_no_answer_of_a_request_before_it(extra: bytes, pause_s: float) -> None:
    """Whoever sends more than was announced learns what became of what was; and nothing more is read."""
    one = HEAD.replace(b"/", b"/slow", 1) + b"Content-Length: 3\r\n\r\nabc"
    async with connected() as (reader, writer):
        writer.write(one * 2)
        await asyncio.sleep(pause_s)
        writer.write(extra + one)
        assert [await answer(reader) for _ in range(2)] == [b"3"] * 2
        assert await ended(reader) == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST / HTTP/1.1\r\nAccept-Language: en\r\nContent-Length: x\r\n\r\n", 400),
        (HEAD + b"Accept-Language: en\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"Accept-Language: en\r\nContent-Length: 0\r\nA: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n", 431),
        (HEAD + b"Accept-Language: en\r\nContent-Length: 0\r\nA: " + b"a" * 60_000 + b"\r\n\r\n", 431),
    ],
    ids=["no length", "no chunk", "a head that ends beyond its size", "the same, in one packet"],
)
async def test_what_is_no_request_is_a_problem_in_the_language_asked_for(sent: bytes, status: int) -> None:
    """As every other error, as far as the head was read."""
    async with connected() as (reader, writer):
        writer.write(sent)
        async with asyncio.timeout(5):
            received = await reader.readuntil(b"}")
        assert received.startswith(b"HTTP/1.1 %d" % status)
        assert (b"content-language: en" in received, b"application/problem+json" in received) == (True, True)


async def test_requests_before_their_turn_have_a_number() -> None:
    """A client may send some requests before it reads; one that sends thousands is left."""
    one = HEAD.replace(b"/", b"/early", 1) + b"Content-Length: 0\r\n\r\n"
    async with connected() as (reader, writer):
        writer.write(one * MOST_WAITING)
        assert [await answer(reader) for _ in range(MOST_WAITING)] == [b"0"] * MOST_WAITING
    async with connected() as (reader, writer):
        writer.write(one * 5_000)
        assert (await ended(reader)).count(ANSWERED) < 2 * MOST_WAITING


async def test_answer_that_nobody_reads_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection ends although there is something left to send, closed or not; one who reads slowly gets all."""
    monkeypatch.setattr(connection, "UNREAD_S", 0.3)
    for head in (b"GET /large HTTP/1.1\r\n", b"GET /large HTTP/1.1\r\nConnection: close\r\n"):
        async with connected() as (reader, writer):
            writer.write(head + b"\r\n")
            await asyncio.sleep(1.5)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await answer(reader)
        async with connected() as (reader, writer):
            writer.write(head + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            for _ in range(LARGE // MiB):
                assert len(await reader.readexactly(MiB)) == MiB
                await asyncio.sleep(0.04)


async def test_trailers_are_no_headers() -> None:
    """A key or an id behind the body was seen by nobody who looked at the headers."""
    trailers = b"Authorization: Bearer x\r\nIdempotency-Key: x\r\n"
    async with connected() as (reader, writer):
        writer.write(
            b"POST /headers HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n" + trailers + b"\r\n"
        )
        assert await answer(reader) == b"transfer-encoding"
        writer.write(b"POST /headers HTTP/1.1\r\n" + trailers + b"Content-Length: 0\r\n\r\n")
        assert await answer(reader) == b"authorization idempotency-key content-length"


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"anything"])
async def test_wish_for_another_protocol_is_passed_over(protocol: bytes, is_split: bool) -> None:
    """The request is one like any other, with its body; the body is not the next request."""
    wish = b"Upgrade: %s\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\n" % protocol
    smuggled = b"GET /early HTTP/1.1\r\n\r\n"
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(HEAD + wish + b"Content-Length: %d\r\n\r\n" % len(smuggled))
            if is_split:
                await asyncio.sleep(0.05)
            writer.write(smuggled)
            assert await answer(reader) == b"%d" % len(smuggled)
        writer.write(HEAD + wish + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
        assert await answer(reader) == b"2"
        writer.write(HEAD + wish.replace(b"Upgrade,", b"Upgrade, close,") + b"\r\n")
        assert (await ended(reader)).startswith(ANSWERED)


async def test_every_request_hears_that_its_client_has_left() -> None:
    """Also one behind which another waits."""
    left.clear()
    async with connected() as (_, writer):
        writer.write(HEAD.replace(b"/", b"/left", 1) + b"Content-Length: 0\r\n\r\n" + HEAD + b"\r\n")
        await asyncio.sleep(0.1)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while not left:  # noqa: ASYNC110 - the app's list is no event
                await asyncio.sleep(0.01)


async def test_tunnels_are_refused() -> None:
    async with connected() as (reader, writer):
        writer.write(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + HEAD + b"\r\n")
        assert (await ended(reader)).startswith(b"HTTP/1.1 400")


POST = HEAD + b"Content-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize(
    ("sent", "went"),
    [
        pytest.param([POST], [b"abc"], id="whole"),
        pytest.param([POST.replace(b"1.1", b"1.0")], [b"abc"], id="of the old protocol"),
        pytest.param([POST.replace(b"/", b"/?", 1)], [], id="with a query"),
        pytest.param([POST.replace(b"POST", b"PUT")], [], id="by another method"),
        pytest.param([POST[:-1], b"c"], [], id="in pieces"),
        pytest.param([POST[:9], POST[9:]], [], id="its head in pieces"),
        pytest.param([POST.replace(b"Host", b"Expect: 100-continue\r\nHost")], [], id="that asks first"),
        pytest.param([HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"], [b"abc"], id="in one chunk"),
        pytest.param([HEAD + b"Content-Length: 6\r\n\r\nusual!"], [], id="declined"),
    ],
)
async def test_which_calls_go_short(sent: list[bytes], went: list[bytes]) -> None:
    """Those that come whole; each is answered the same by either way."""
    async with connected() as (reader, writer):
        for piece in sent:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        received = b""
        async with asyncio.timeout(5):
            while not received.endswith((b"\r\n\r\n3", b"\r\n\r\n6")):
                received += await reader.read(1_000)
    assert ANSWERED in received
    assert went_short == (went if ways else [])


async def test_calls_one_behind_the_other_are_answered_in_order() -> None:
    """One that comes while a short one is under way waits for it, and goes the usual way."""
    async with connected() as (reader, writer):
        writer.write(POST.replace(b"/", b"/slow", 1) + POST.replace(b"3\r\n\r\nabc", b"2\r\n\r\nab"))
        assert [await answer(reader) for _ in range(2)] == [b"3", b"2"]
        assert went_short == ([b"abc"] if ways else [])


async def test_a_connection_that_shall_close_is_closed_after_the_answer() -> None:
    """The client's wish; and one that has left before its answer is no error."""
    async with connected() as (reader, writer):
        writer.write(POST.replace(b"Host", b"Connection: close\r\nHost"))
        assert b"connection: close" in await ended(reader)
    async with connected() as (_, writer):
        writer.write(POST.replace(b"/", b"/slow", 1))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.3)
