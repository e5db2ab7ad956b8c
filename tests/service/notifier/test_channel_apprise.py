"""What Apprise speaks: to local stand-ins by its json://, form:// and Telegram's own calls (their host replaced)."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from services.notifier.channels import Message, SendFailed, Sent
from services.notifier.channels.apprise import Apprise, is_understood
from services.notifier.channels.table import make_channel
from services.notifier.channels.threads import Threads, TooManyThreads
from services.notifier.routing.addresses import AppriseAddress
from services.notifier.routing.credentials import BadAddress
from shared.settings import Settings
from tests.builders import a_calendar, a_notice_payload
from tests.http_receiver import HttpReceiver, http_receiver

TOKEN = "123456789:abcdefghijklmnopqrstuvwxyz-ABCDEFGH"
TELEGRAM = f"tgram://{TOKEN}/-100123456/"
MESSAGE = Message("msg_1", a_notice_payload())
TEXT = "Kalimantan Timur: belum lapor: Samarinda.\n\nKalimantan Timur: missing: Samarinda."


@pytest.fixture
async def server() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as made:
        yield made


async def failure(channel: Apprise, message: Message = MESSAGE) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.send(message)
    return failed.value


async def test_json(server: HttpReceiver) -> None:
    """A gateway that takes JSON gets title and both texts, with the login of the url."""
    channel = Apprise(f"json://ani:geheim@127.0.0.1:{server.port}/sms", timeout_s=5)
    assert await channel.send(MESSAGE) == Sent()
    ((headers, body),) = server.got
    sent = json.loads(body)
    assert (sent["title"], sent["message"]) == ("Desk Pilkada", TEXT)
    assert headers["authorization"].startswith("Basic ")
    assert server.paths == ["/sms"]


async def test_form(server: HttpReceiver) -> None:
    """So does one that takes forms."""
    await Apprise(f"form://127.0.0.1:{server.port}/wa", timeout_s=5).send(MESSAGE)
    ((_, body),) = server.got
    assert parse_qs(body.decode())["message"] == [TEXT]


@pytest.fixture
def telegram(server: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> Apprise:
    """Telegram's own calls, sent to the stand-in instead of api.telegram.org."""
    is_understood(TELEGRAM)
    from apprise.plugins.telegram import NotifyTelegram

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{server.port}/bot")
    server.body = json.dumps({"ok": True, "result": {}}).encode()
    return Apprise(TELEGRAM, timeout_s=5)


async def test_telegram(telegram: Apprise, server: HttpReceiver) -> None:
    """The bot's `sendMessage` to the chat, and what an agency wrote is no tag in it."""
    text = {"id": "belum <a href='http://x'>lapor</a> & lain", "en": "missing"}
    assert await telegram.send(Message("msg_1", a_notice_payload(text=text))) == Sent()
    assert server.paths == [f"/bot{TOKEN}/sendMessage"]
    sent = json.loads(server.got[0][1])
    assert sent["chat_id"] == -100123456
    assert "belum ‹a href=" in sent["text"]
    assert "<a" not in sent["text"]
    assert "&amp; lain" in sent["text"]


async def test_long_digest_is_split(telegram: Apprise, server: HttpReceiver) -> None:
    """508 names are more than one message takes: all of them arrive."""
    names = ", ".join(f"Kabupaten Nomor {n:03}" for n in range(508))
    await telegram.send(Message("msg_1", a_notice_payload(text={"id": names, "en": names})))
    bodies = [json.loads(body)["text"] for _, body in server.got]
    assert len(bodies) > 2
    assert all(len(body) <= 4096 for body in bodies)
    assert all(any(f"Nomor {n:03}" in body for body in bodies) for n in range(0, 508, 50))


async def test_telegram_refuses(telegram: Apprise, server: HttpReceiver) -> None:
    """A wrong token is dead; a busy service is tried again; its words are the reply."""
    server.status = 401
    server.body = json.dumps({"ok": False, "error_code": 401, "description": "Unauthorized"}).encode()
    failed = await failure(telegram)
    assert (failed.is_permanent, failed.status) == (True, 401)
    assert "Unauthorized" in failed.reply
    server.status = 429
    assert (await failure(telegram)).is_permanent is False


async def test_whatsapp(server: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """WhatsApp's own call, sent to the stand-in instead of graph.facebook.com: token, number, both texts."""
    url = "whatsapp://geheimtokengeheimtoken@123456789/628115551234"
    assert is_understood(url)
    from apprise.plugins.whatsapp import NotifyWhatsApp

    monkeypatch.setattr(
        NotifyWhatsApp, "notify_url", f"http://127.0.0.1:{server.port}/{{fb_ver}}/{{phone_id}}/messages"
    )
    server.body = json.dumps({"messages": [{"id": "wamid"}]}).encode()
    assert await Apprise(url, timeout_s=5).send(MESSAGE) == Sent()
    ((headers, body),) = server.got
    assert server.paths[0].endswith("/123456789/messages")
    assert headers["authorization"] == "Bearer geheimtokengeheimtoken"
    sent = json.loads(body)
    assert sent["to"] == "+628115551234"
    assert TEXT in sent["text"]["body"]


async def test_redirects_are_not_followed(server: HttpReceiver) -> None:
    """As with webhooks."""
    server.status, server.headers = 302, {"Location": f"http://127.0.0.1:{server.port}/elsewhere"}
    assert (await failure(Apprise(f"json://127.0.0.1:{server.port}/", timeout_s=5))).is_permanent
    assert server.paths == ["/"]


async def test_total_deadline(server: HttpReceiver) -> None:
    """A service that hangs is given up in time, and does not pile threads up: the next attempt says so at once."""
    server.delay_s = 3
    channel = Apprise(f"json://127.0.0.1:{server.port}/", timeout_s=0.2)
    channel._service.socket_read_timeout = 1.0  # longer than the deadline: the thread goes on
    before = threading.active_count()
    assert str(await asyncio.wait_for(failure(channel), 2)) == "TimeoutError"
    failed = await asyncio.wait_for(failure(channel), 2)
    assert str(failed) == "an earlier attempt has not ended"
    assert not failed.is_permanent
    assert threading.active_count() <= before + 1


async def test_nobody_there() -> None:
    """A gateway that is down is tried again."""
    failed = await failure(Apprise("json://127.0.0.1:1/", timeout_s=5))
    assert not failed.is_permanent
    assert failed.reply


async def test_its_log_goes_nowhere(server: HttpReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the library nor the HTTP client under it says a word to our log, at whatever level."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().setLevel(logging.DEBUG)
        channel = Apprise(f"json://ani:geheimnis@127.0.0.1:{server.port}/token-geheimnis", timeout_s=5)
        for server.status in (200, 500):
            try:
                await channel.send(MESSAGE)
            except SendFailed:
                continue
        is_understood("tgram://geheimnis")
    told = [r.getMessage() for r in caplog.records if r.name != "aiohttp.access"]  # that is the stand-in's own
    assert "geheimnis" not in str(told)
    assert [r.name for r in caplog.records if r.name.startswith(("apprise", "urllib3", "requests"))] == []


@pytest.mark.parametrize("url", ["", "x", "nope://x/y", "tgram://x", "json://", "https//x"])
def test_what_it_does_not_understand(url: str) -> None:
    """Refused when the file is read, without saying what it was."""
    address = AppriseAddress.model_validate({"name": "a", "channel": "apprise", "url": url})
    with pytest.raises(BadAddress, match="none that Apprise understands"):
        address.check()


async def test_url_of_a_file(server: HttpReceiver, tmp_path: Path) -> None:
    """The url may stand in a file of its own, since it is a secret as a whole."""
    file = tmp_path / "url"
    file.write_text(f"json://127.0.0.1:{server.port}/x\n")
    address = AppriseAddress.model_validate({"name": "a", "channel": "apprise", "url_file": file})
    address.check()
    await make_channel(address, Settings(), a_calendar()).send(MESSAGE)
    assert len(server.got) == 1
    for keys in ({}, {"url": "json://x", "url_file": file}):
        with pytest.raises(ValueError, match="one of `url` and"):
            AppriseAddress.model_validate({"name": "a", "channel": "apprise", **keys})


async def test_threads() -> None:
    """What a call gives or raises comes back; those that are given up keep their place until they end."""
    threads, release = Threads(2), threading.Event()
    assert await threads.run(lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    hanging = [asyncio.create_task(threads.run(release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyThreads):
        await threads.run(lambda: 1)
    hanging[0].cancel()
    release.set()
    assert await hanging[1]
    for _ in range(2):
        assert await threads.run(lambda: 1) == 1
