"""Channels: what is worth another try, webhooks against a real receiver, the console."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from services.notifier.channels import Message, SendFailed, Sent, failure_of_status
from services.notifier.channels.console import Console
from services.notifier.channels.table import make_channel
from services.notifier.channels.webhook import Webhook
from services.notifier.delivery.delivering import LONGEST_RETRY_S, retry_in_s
from services.notifier.routing.receivers import ConsoleReceiver, WebhookReceiver
from shared.settings import Settings
from shared.tracing.places import place_in
from tests.builders import a_calendar, utc
from tests.http_receiver import HttpReceiver, http_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PASSING = {408, 425, 429, *range(500, 600)}
MESSAGE = Message("msg_1", {"type": "desk.notice.v1", "timestamp": utc("2024-11-18T18:00Z"), "data": {"x": "é"}})


def test_every_status() -> None:
    """5xx, 408, 425 and 429 pass; every other is permanent, redirects among them; 410 alone disables the receiver."""
    failures = {status: failure_of_status(status) for status in range(100, 600)}
    assert {s for s, f in failures.items() if not f.is_permanent} == PASSING
    assert {s for s, f in failures.items() if f.disables} == {410}
    assert all((f.status, str(f)) == (s, f"HTTP {s}") for s, f in failures.items())


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as made:
        yield made


async def send(
    url: str, *, allow_private: bool = True, timeout_s: float = 5.0, message: Message = MESSAGE
) -> int | None:
    channel = Webhook(url, [SECRET], allow_private=allow_private, timeout_s=timeout_s)
    try:
        return (await channel.send(message)).status
    finally:
        await channel.close()


async def test_webhook_is_signed(receiver: HttpReceiver) -> None:
    """A receiver that verifies by Standard Webhooks accepts it; with one byte, id or secret changed it does not."""
    assert await send(receiver.url()) == 200
    ((headers, body),) = receiver.got
    assert Verifier(SECRET).verify(body, headers) == json.loads(body)
    assert json.loads(body) == {"type": "desk.notice.v1", "timestamp": "2024-11-18T18:00:00+00:00", "data": {"x": "é"}}
    assert headers["webhook-id"] == "msg_1"
    assert headers["content-type"] == "application/json"
    assert place_in(headers["traceparent"]) is not None
    assert abs(datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC) - datetime.now(UTC)) < timedelta(
        minutes=1
    )
    forged = [(body + b" ", headers), (body, {**headers, "webhook-id": "msg_2"})]
    for other_body, other_headers in forged:
        with pytest.raises(Exception, match="signature"):
            Verifier(SECRET).verify(other_body, other_headers)
    with pytest.raises(Exception, match="signature"):
        Verifier("whsec_" + "A" * 32).verify(body, headers)


async def test_webhook_is_signed_by_the_clock_of_all_replicas(receiver: HttpReceiver) -> None:
    """A replica's own clock may be an hour off; the receiver sees the database's time."""
    at = datetime.now(UTC) - timedelta(hours=1)
    assert await send(receiver.url(), message=replace(MESSAGE, at=at)) == 200
    ((headers, _body),) = receiver.got
    assert headers["webhook-timestamp"] == str(int(at.timestamp()))


async def test_secrets_are_changed_without_a_gap(receiver: HttpReceiver) -> None:
    """With several secrets a receiver that knows any one of them accepts it, one that knows none does not."""
    secrets = [SECRET, "whsec_" + "B" * 32, "whsec_" + "C" * 40]
    channel = Webhook(receiver.url(), secrets, allow_private=True, timeout_s=5)
    await channel.send(MESSAGE)
    await channel.close()
    ((headers, body),) = receiver.got
    assert len(headers["webhook-signature"].split(" ")) == 3
    for secret in secrets:
        assert Verifier(secret).verify(body, headers)
    with pytest.raises(Exception, match="signature"):
        Verifier("whsec_" + "A" * 32).verify(body, headers)


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"secret": SECRET}, 1),
        ({"secrets": [SECRET, "whsec_" + "B" * 32]}, 2),
        ({"secret_file": "one"}, 1),
        ({"secret_files": ["one", "two"]}, 2),
    ],
)
def test_ways_to_give_secrets(tmp_path: Path, keys: dict[str, Any], count: int) -> None:
    """One or several, in the receivers file or in files that it names."""
    for name, secret in {"one": SECRET, "two": "whsec_" + "B" * 32}.items():
        (tmp_path / name).write_text(secret + "\n")
    if "secret_file" in keys:
        keys = {"secret_file": tmp_path / "one"}
    if "secret_files" in keys:
        keys = {"secret_files": [tmp_path / name for name in keys["secret_files"]]}
    hook = WebhookReceiver.model_validate({"name": "a", "channel": "webhook", "url": "https://x", **keys})
    assert hook.signing_secrets() == (SECRET, "whsec_" + "B" * 32)[:count]
    hook.check()


async def test_reply_is_read_no_further_than_a_person_reads(receiver: HttpReceiver) -> None:
    """A reply of megabytes, or a compressed one, costs two kilobytes; what a 2xx says is kept."""
    channel = Webhook(receiver.url(), [SECRET], allow_private=True, timeout_s=5)
    receiver.body = b"x" * 5_000_000
    assert await channel.send(MESSAGE) == Sent(200, "x" * 2048)
    receiver.body, receiver.headers = gzip.compress(b"y" * 1_000_000), {"Content-Encoding": "gzip"}
    assert "y" not in (await channel.send(MESSAGE)).reply
    receiver.body, receiver.headers = "diterima \xff".encode("latin-1"), {}
    assert (await channel.send(MESSAGE)).reply == "diterima \ufffd"
    await channel.close()


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
async def test_reply_that_does_not_end(beginning: bytes) -> None:
    """An answer that drips or hangs after its 2xx is delivered within a second or so; without a status it is not."""
    hung = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(beginning)
        await hung.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        if beginning:
            assert await asyncio.wait_for(send(url, timeout_s=3.0), 2.9) == 200
        else:
            with pytest.raises(SendFailed, match="Timeout"):
                await asyncio.wait_for(send(url, timeout_s=0.2), 2.9)
    finally:
        hung.set()
        server.close()


@pytest.mark.parametrize(
    ("asked", "expected_s"),
    [("120", 120.0), ("99999999", 1800.0), ("0", 0.0), ("soon", None), ("-5", None), ("", None)],
)
async def test_retry_after(receiver: HttpReceiver, asked: str, expected_s: float | None) -> None:
    """A receiver that says when to come back is heard, up to half an hour; nonsense is not."""
    receiver.status, receiver.headers = 429, {"Retry-After": asked}
    with pytest.raises(SendFailed) as failed:
        await send(receiver.url())
    assert failed.value.retry_after_s == expected_s


async def test_every_attempt_has_the_same_id(receiver: HttpReceiver) -> None:
    """Tried again, it is the same message to the receiver."""
    receiver.status = 503
    channel = Webhook(receiver.url(), [SECRET], allow_private=True, timeout_s=5)
    for _ in range(3):
        with pytest.raises(SendFailed):
            await channel.send(MESSAGE)
    await channel.close()
    assert [(h["webhook-id"], b) for h, b in receiver.got] == [("msg_1", receiver.got[0][1])] * 3


@pytest.mark.parametrize(
    ("status", "is_permanent", "disables"),
    [(s, True, s == 410) for s in (301, 302, 304, 307, 308, 400, 401, 404, 410)]
    + [(s, False, False) for s in (408, 429, 500, 503)],
)
async def test_answers_that_are_failures(
    receiver: HttpReceiver, status: int, is_permanent: bool, disables: bool
) -> None:
    """A redirect is not followed but a failure; 410 disables; what passes is tried again."""
    receiver.status, receiver.headers = status, {"Location": receiver.url() + "/elsewhere"}
    with pytest.raises(SendFailed) as failed:
        await send(receiver.url())
    assert (failed.value.is_permanent, failed.value.disables, failed.value.status) == (is_permanent, disables, status)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_answers_that_are_fine(receiver: HttpReceiver, status: int) -> None:
    """Every 2xx is a delivery."""
    receiver.status = status
    assert await send(receiver.url()) == status


async def test_slow_receiver_is_a_passing_failure(receiver: HttpReceiver) -> None:
    """One that takes longer than the total deadline is tried again later."""
    receiver.delay_s = 5
    with pytest.raises(SendFailed, match="Timeout") as failed:
        await asyncio.wait_for(send(receiver.url(), timeout_s=0.1), 2)
    assert not failed.value.is_permanent


async def test_nobody_there_is_a_passing_failure(receiver: HttpReceiver) -> None:
    """A receiver that is down for an hour gets its notices afterwards; so does one whose name does not resolve."""
    for url in ("http://127.0.0.1:1/", "http://no-such-host.invalid/"):
        with pytest.raises(SendFailed) as failed:
            await send(url)
        assert not failed.value.is_permanent, url


async def test_private_addresses_may_be_allowed(receiver: HttpReceiver) -> None:
    """The receivers file can allow them: teams run receivers in their own network."""
    for host in ("127.0.0.1", "localhost"):
        assert await send(receiver.url(host), allow_private=True) == 200


async def test_failures_leak_no_secret(receiver: HttpReceiver) -> None:
    """What goes into logs and the API says nothing of secret, address or payload."""
    told = []
    for url in (receiver.url() + "?token=geheim", "http://no-such-host.invalid/geheim", "http://127.0.0.1:1/geheim"):
        receiver.status = 500
        with pytest.raises(SendFailed) as failed:
            await send(url)
        told.append(str(failed.value))
    for text in told:
        assert "geheim" not in text
        assert SECRET not in text


async def test_console_is_one_line_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    """Indonesian first."""
    channel = Console()
    await channel.send(
        Message("msg_1", {"data": {"rule": "missing-report", "text": {"id": "belum", "en": "missing"}}})
    )
    await channel.close()
    assert capsys.readouterr().out == "[missing-report] belum / missing\n"


def test_channel_of_each_receiver() -> None:
    """The table has a channel for each kind of receiver."""
    hook = WebhookReceiver.model_validate({"name": "a", "channel": "webhook", "url": "https://x", "secret": SECRET})
    assert isinstance(make_channel(hook, Settings(), a_calendar()), Webhook)
    console = ConsoleReceiver.model_validate({"name": "a", "channel": "console"})
    assert isinstance(make_channel(console, Settings(), a_calendar()), Console)


def test_retries() -> None:
    """Twice as long each time, with jitter, up to half an hour; any number of attempts is fine."""
    for attempt in (1, 2, 5, 11, 12, 2000):
        longest = min(2.0 ** (attempt - 1), LONGEST_RETRY_S) if attempt < 100 else LONGEST_RETRY_S
        assert all(0.7 * longest <= retry_in_s(attempt) <= longest for _ in range(20))
