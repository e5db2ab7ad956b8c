"""`desk receivers`: on a real database, and through real channels."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier
from typer.testing import CliRunner, Result

from desk.cli import main
from services.notifier.delivery.breaker import OPEN_AFTER
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from shared import mongo
from tests.http_receiver import HttpReceiver, http_receiver
from tests.smtp_server import PASSWORD, USER, smtp_server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def server() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path, server: HttpReceiver) -> Path:
    path = tmp_path / "receivers.yaml"
    path.write_text(
        "receivers:\n"
        f"  - {{name: hook, channel: webhook, url: 'http://127.0.0.1:{server.port}/geheim-0123456789',"
        f" secret: {SECRET}, allow_private: true}}\n"
        f"  - {{name: closed, channel: webhook, url: 'http://127.0.0.1:{server.port}/?private', secret: {SECRET}}}\n"
        f"  - {{name: gateway, channel: apprise, url: 'json://127.0.0.1:{server.port}/'}}\n"
        f"  - {{name: oncall, channel: alertmanager, url: 'http://127.0.0.1:{server.port}'}}\n"
        "  - {name: console, channel: console}\n"
        "teams:\n"
        "  - {name: watch, members: [{name: Budi, receivers: [hook, console]}, {name: Sari, receivers: [hook]}]}\n"
        "  - {name: half, members: [{name: Tono, receivers: [closed, console]}]}\n"
    )
    return path


async def desk(file: Path, *arguments: str, mongo_url: str = "mongodb://127.0.0.1:1/") -> Result:
    env = {"DESK_RECEIVERS": str(file), "DESK_MONGO": mongo_url, "DESK_MONGO_TIMEOUT_MS": "3000", "COLUMNS": "250"}
    return await asyncio.to_thread(CliRunner().invoke, main, ["receivers", *arguments], env=env)


async def test_a_test_message_through_each_channel(file: Path, server: HttpReceiver) -> None:
    """It says what it is, in both languages, and the outcome is said; no database is asked."""
    for name, said in [
        ("hook", "hook (webhook): delivered: status 200,"),
        ("gateway", "gateway (apprise): delivered: "),
        ("oncall", "oncall (alertmanager): delivered: status 200,"),
    ]:
        done = await desk(file, "test", name)
        assert (done.exit_code, done.stdout.startswith(said)) == (0, True), done.output
    (hook, hook_body), (_, gateway), (_, oncall) = server.got
    Verifier(SECRET).verify(hook_body, hook)
    payload = json.loads(hook_body)
    assert (payload["type"], payload["data"]["rule"]) == ("desk.test.v1", "test")
    assert payload["data"]["text"]["id"].startswith("UJI COBA: ")
    assert payload["data"]["text"]["en"].startswith("TEST: ")
    assert "UJI COBA" in json.loads(gateway)["message"]
    (alert,) = json.loads(oncall)
    assert (alert["labels"]["alertname"], alert["labels"]["severity"]) == ("test", "info")
    console = await desk(file, "test", "console")
    assert "[test] UJI COBA" in console.stdout


async def test_a_team(file: Path, server: HttpReceiver) -> None:
    """One message to each receiver of its members, whatever becomes of the others; who is reached is said."""
    done = await desk(file, "test", "watch")
    assert done.exit_code == 0
    assert "hook (webhook, Budi, Sari): delivered: status 200," in done.stdout
    assert "console (console, Budi): delivered" in done.stdout
    assert len(server.got) == 1
    half = await desk(file, "test", "half")
    assert half.exit_code == 1
    assert half.stderr.startswith("desk: closed (webhook, Tono): not delivered: PrivateAddress (no retry)")
    assert "console (console, Tono): delivered" in half.stdout


async def test_a_test_mail(tmp_path: Path) -> None:
    """Through the real SMTP server, with its certificate and login."""
    async with smtp_server(tmp_path, "starttls") as smtp:
        file = tmp_path / "receivers.yaml"
        file.write_text(
            f"receivers: [{{name: mail, channel: email, host: localhost, port: {smtp.port}, ca_file: {smtp.ca_file},"
            f" username: {USER}, password: '{PASSWORD}', from: desk@kaltim.example, to: [ani@kpu.example]}}]"
        )
        done = await desk(file, "test", "mail")
        assert done.stdout.startswith("mail (email): delivered: status 250, ")
        ((to, mail),) = smtp.mailbox.got
        assert to == ["ani@kpu.example"]
        assert "UJI COBA" in mail["Subject"]


async def test_what_went_wrong_is_said(file: Path, server: HttpReceiver) -> None:
    """Status 1 and the reason, whether it would be tried again, and what came back, without secrets; `private` of an
    address is none in our own words."""
    server.status, server.body = 404, b"no /geheim-0123456789 here"
    done = await desk(file, "test", "hook")
    assert done.exit_code == 1
    assert "hook (webhook): not delivered: HTTP 404 (no retry), " in done.stderr
    assert done.stderr.rstrip().endswith("no /*** here")
    server.status = 503
    assert "would be tried again" in (await desk(file, "test", "hook")).stderr
    assert "PrivateAddress (no retry)" in (await desk(file, "test", "closed")).stderr
    unknown = await desk(file, "test", "nobody")
    assert (unknown.exit_code, "there are hook, closed" in unknown.stderr) == (2, True)
    assert unknown.stderr.rstrip().endswith("and the teams watch, half")


async def test_what_others_wrote_is_shown_as_it_is(file: Path, server: HttpReceiver, mongo_url: str) -> None:
    """A terminal obeys nothing of an answer or a problem: neither its escapes nor the table's own marks."""
    server.status, server.body = 404, b"\x1b[2Jgone"
    done = await desk(file, "test", "hook")
    assert "\x1b" not in done.stderr
    client = mongo.connect(mongo_url)
    await client.drop_database(mongo.NOTIFIER_DB)
    receivers = ReceiverStore(mongo.database(client, mongo.NOTIFIER_DB))
    for _ in range(OPEN_AFTER):
        await receivers.failed("gateway", "no [/x] [bold]here\x1b[31m", None, 1.0)
    listed = await desk(file, "list", mongo_url=mongo_url)
    assert (listed.exit_code, r"no [/x] [bold]here\x1b[31m" in listed.stdout) == (0, True), listed.output
    await client.drop_database(mongo.NOTIFIER_DB)
    await mongo.close(client)


async def test_list_and_enable(file: Path, mongo_url: str) -> None:
    """How each is doing; one that wanted no more is told again, and by whom is on record."""
    client = mongo.connect(mongo_url)
    database = mongo.database(client, mongo.NOTIFIER_DB)
    await client.drop_database(mongo.NOTIFIER_DB)
    deliveries, receivers = DeliveryStore(database), ReceiverStore(database)
    await deliveries.plan(
        {"_id": f"{n}|hook", "receiver": "hook", "state": state} for n, state in enumerate(["dead", "pending", "dead"])
    )
    await receivers.answered("console", is_success=True)
    await receivers.disable("hook", "HTTP 410")
    for _ in range(OPEN_AFTER):
        await receivers.failed("gateway", "TimeoutError", None, 1.0)
    rows = [line for line in (await desk(file, "list", mongo_url=mongo_url)).stdout.splitlines() if "│" in line]
    told = {cells[0]: cells[1:] for cells in ([c.strip() for c in line.strip("│").split("│")] for line in rows)}
    assert told["hook"] == ["webhook", "disabled", "closed", "never", "1", "2", "HTTP 410"]
    assert told["gateway"] == ["apprise", "away", "open", "never", "0", "0", "TimeoutError"]
    assert told["console"][1:3] == ["ok", "closed"]
    assert told["console"][3].startswith(time.strftime("%Y-", time.gmtime()))
    done = await desk(file, "enable", "hook", mongo_url=mongo_url)
    assert (done.exit_code, "hook is told again" in done.stderr) == (0, True)
    known = (await receivers.all())["hook"]
    assert known["enabled_by"].startswith("cli:")
    assert await receivers.disabled_because("hook") is None
    await client.drop_database(mongo.NOTIFIER_DB)
    await mongo.close(client)


async def test_no_database(file: Path) -> None:
    """One line and status 1."""
    done = await desk(file, "list", mongo_url="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    assert done.exit_code == 1
    assert done.stderr.startswith("desk: MongoDB did not answer")
