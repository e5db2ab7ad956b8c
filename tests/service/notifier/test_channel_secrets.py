"""No channel leaks a secret: one test over all of them. Receivers say back all that they were sent, as failures and as
successes; nothing of it that is secret may be in logs, stored attempts, answers, metrics, `desk check` or tracebacks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from bson import json_util
from typer.testing import CliRunner

from desk.cli import main
from services.notifier.channels import Message, SendFailed
from services.notifier.channels.table import _MAKERS, make_channel
from services.notifier.delivery.delivering import Sender
from services.notifier.routing import addresses
from services.notifier.routing.addresses import Address
from services.notifier.routing.receivers import read_receivers
from shared.metrics import Metrics
from shared.settings import Settings
from tests.builders import a_calendar, a_notice_payload
from tests.service.notifier.conftest import until_idle
from tests.service.notifier.test_sending_api import Call, Desk, call, desk
from tests.smtp_server import PASSWORD, USER, SmtpServer, smtp_server

__all__ = ["call", "desk"]  # fixtures

SIGNING = "whsec_" + base64.b64encode(b"geheim-sign-0123456789-abcdef").decode()
OLD_SIGNING = "whsec_" + base64.b64encode(b"geheim-old-0123456789-abcdefg").decode()
TOKEN = "geheim-token/with+signs="
LOGIN = "geheim-login-77"
AUTH_PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()


class Echo:
    """Answers over HTTP with everything it was sent, under the statuses it is told to use, the last one for ever."""

    def __init__(self) -> None:
        self.statuses, self.port = [200], 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        reason = head.split(b" ")[1]  # in the status line too
        body = head + b"\n" + base64.b64encode(head)
        writer.write(b"HTTP/1.1 %d %s\r\nContent-Length: %d\r\n" % (status, reason, len(body)))
        writer.write(b"Connection: close\r\nX-Echo: " + reason + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    listening = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


@pytest.fixture
async def smtp(tmp_path: Path) -> AsyncIterator[SmtpServer]:
    async with smtp_server(tmp_path, "starttls") as made:
        yield made


@dataclass(frozen=True)
class Case:
    """Keys of a receiver, `{echo}` and `{smtp}` standing for ports, and which texts are secret."""

    keys: dict[str, Any]
    secrets: tuple[str, ...]


CASES = {
    "console": Case({"channel": "console"}, ()),
    "webhook": Case(
        {
            "channel": "webhook",
            "url": f"http://desk:{LOGIN}@127.0.0.1:{{echo}}/hooks/geheim-path-0123456789?token={quote(TOKEN)}",
            "secrets": [SIGNING, OLD_SIGNING],
            "allow_private": True,
        },
        (SIGNING, OLD_SIGNING, LOGIN, "geheim-path-0123456789", TOKEN),
    ),
    "email": Case(
        {
            "channel": "email",
            "host": "localhost",
            "port": "{smtp}",
            "ca_file": "{ca}",
            "username": USER,
            "password": PASSWORD,
            "from": "desk@kaltim.example",
            "to": ["ani@kpu.example"],
        },
        (PASSWORD,),
    ),
    "apprise": Case(
        {
            "channel": "apprise",
            "url": f"json://desk:{LOGIN}@127.0.0.1:{{echo}}/geheim-path-0123456789?+X-Token={quote(TOKEN, safe='')}",
        },
        (LOGIN, "geheim-path-0123456789", TOKEN),
    ),
    "alertmanager": Case(
        {"channel": "alertmanager", "url": f"http://desk:{LOGIN}@127.0.0.1:{{echo}}/geheim-path-0123456789"},
        (LOGIN, "geheim-path-0123456789"),
    ),
}


def test_every_channel_has_a_case() -> None:
    """A new channel is held to it too."""
    kinds = {kind.model_fields["channel"].annotation.__args__[0] for kind in _MAKERS}  # type: ignore[union-attr]
    assert kinds == set(CASES)


def spellings(secret: str) -> set[str]:
    plain = secret.removeprefix("whsec_")
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, plain, quote(secret), quote(secret, safe=""), coded, repr(secret)[1:-1], json.dumps(secret)[1:-1]}


class Everything(logging.Handler):
    """All that any logger says, at any level, as text, with tracebacks; but for the stand-ins' own logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "mail.log":
            told = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            self.lines.append(f"{record.name} {record.getMessage()} {record.args} {told}")


@pytest.fixture
def logged() -> Iterator[Everything]:
    root, made = logging.getLogger(), Everything()
    level = root.level
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    yield made
    root.removeHandler(made)
    root.setLevel(level)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def receivers_file(case: Case, tmp_path: Path, echo: Echo, smtp: SmtpServer) -> Path:
    """The receivers file of a case, as an operator writes it."""
    put_in = {"{echo}": str(echo.port), "{smtp}": str(smtp.port), "{ca}": str(smtp.ca_file)}
    text = yaml.safe_dump({"receivers": [{"name": "hook", **case.keys}]}, width=1000)
    for mark, value in put_in.items():
        text = text.replace(f"'{mark}'", value).replace(mark, value)
    path = tmp_path / "receivers.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def address(receivers_file: Path) -> Address:
    (found,) = read_receivers(receivers_file).receivers
    return found


@pytest.mark.expect_errors("delivery_failed")
async def test_nothing_leaks(
    case: Case,
    receivers_file: Path,
    address: Address,
    echo: Echo,
    smtp: SmtpServer,
    desk: Desk,
    call: Call,
    logged: Everything,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Failures that pass, failures that do not, a success; each said back with all that was sent."""
    echo.statuses = [503, 302, 404, 200]
    metrics = Metrics("test")
    answers = [f"451 {PASSWORD} later", f"550 {AUTH_PLAIN} no", None]
    for n, answer in enumerate(answers):
        await desk.plan(f"n{n}|hook")
        smtp.mailbox.answer = answer or "250 OK"
        channel = make_channel(address, Settings(), a_calendar())
        sender = Sender(address, channel, desk.deliveries, desk.receivers, "me", 30, metrics)
        await sender.step()
        await desk.deliveries.release("hook")
        await until_idle(sender.step)
        await channel.close()
    if case.keys["channel"] == "console":
        logging.getLogger("services.notifier.delivery.delivering").error("delivery_failed")  # nothing fails there
    documents = []
    for name in ("deliveries", "receivers"):
        documents += [d async for d in desk.deliveries.database[name].find()]
    outcomes = {a["outcome"] for d in documents for a in d.get("attempts", [])}
    assert outcomes == ({"ok"} if case.keys["channel"] == "console" else {"ok", "failed"})
    shown = [
        *logged.lines,
        json_util.dumps(documents),
        json.dumps([await call("/v1/receivers"), *[await call(f"/v1/deliveries/n{n}|hook") for n in range(3)]]),
        metrics.render()[0].decode(),
        CliRunner().invoke(main, ["check", "--receivers", str(receivers_file)]).output,
        repr(address),
        str(address),
        *capfd.readouterr(),
    ]
    assert all("Receiver hook" in text for text in shown if text.startswith("Election"))
    for secret in case.secrets:
        for spelling in spellings(secret):
            assert [text for text in shown if spelling in text] == []


async def test_tracebacks_say_nothing(case: Case, address: Address, echo: Echo, smtp: SmtpServer) -> None:
    """Neither what a channel raises nor what it was raised from: refused, hung up on, nobody there."""
    told = []
    echo.statuses, smtp.mailbox.answer = [500], f"550 {PASSWORD}"
    channels = [make_channel(address, Settings(), a_calendar())]
    for wrong in (1, None):
        keys = {**address.model_dump(by_alias=True, exclude_unset=True)}
        if wrong is not None and "port" in keys:
            keys["port"] = wrong
        elif wrong is not None and isinstance(keys.get("url"), str):
            keys["url"] = keys["url"].replace(str(echo.port), "1")
        channels.append(make_channel(type(address).model_validate(keys), Settings(), a_calendar()))
    for channel in channels:
        try:
            await channel.send(Message("msg_1", a_notice_payload()))
        except SendFailed as failed:
            told += traceback.format_exception(failed)
        told.append(repr(channel))
        await channel.close()
    assert (told[0].startswith("Traceback")) is (case.keys["channel"] != "console")
    for secret in case.secrets:
        assert [line for line in told for spelling in spellings(secret) if spelling in line] == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"regions": "{secret}"},
        {"unknown": "{secret}"},
        {"url": "ftp://{secret}"},
        {"url": "https://{secret} with a space"},
        {"secret": "whsec_{secret}!"},
        {"password": ["{secret}"]},
        {"password_file": "/nowhere", "username": "x"},
        {"token_file": "/nowhere"},
        {"retry_for": "soon"},
    ],
)
def test_a_bad_file_is_said_without_its_secrets(case: Case, tmp_path: Path, spoilt: dict[str, Any]) -> None:
    """Whatever is wrong in it, `desk check` quotes neither the address nor what stands beside it."""
    keys = {"name": "hook", **case.keys, **json.loads(json.dumps(spoilt).replace("{secret}", LOGIN))}
    keys["port"] = 25 if "port" in keys else None
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({"receivers": [{k: v for k, v in keys.items() if v is not None}]}))
    said = CliRunner().invoke(main, ["check", "--receivers", str(path)])
    assert said.exit_code == 2
    for secret in (*case.secrets, LOGIN):
        assert [s for s in spellings(secret) if s in said.output] == []


def test_addresses_show_no_secret_field() -> None:
    """Every field that may hold one is hidden from `repr`: a url with a token as much as a password."""
    for kind in _MAKERS:
        for name, field in kind.model_fields.items():
            if name in ("url", "secret", "secrets_", "password", "token"):
                assert "SecretStr" in str(field.annotation) or field.repr is False, f"{kind.__name__}.{name}"
    assert addresses.Address.model_config["hide_input_in_errors"]
