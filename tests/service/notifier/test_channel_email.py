"""Mail, through a real SMTP server: TLS, login, several recipients, what is tried again and what is dead."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.notifier.channels import Message, SendFailed, Sent
from services.notifier.channels.table import make_channel
from services.notifier.routing.addresses import EmailAddress
from services.notifier.routing.credentials import BadAddress
from shared.settings import Settings
from tests.builders import a_calendar, a_notice_payload
from tests.smtp_server import PASSWORD, USER, SmtpServer, smtp_server

TO = ["ani@kpu.example", "budi@kpu.example", "citra@kpu.example"]
MESSAGE = Message("msg_0123456789", a_notice_payload())


@pytest.fixture(params=["starttls", "implicit"])
def tls(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def server(tmp_path: Path, tls: str) -> AsyncIterator[SmtpServer]:
    async with smtp_server(tmp_path, tls) as made:
        yield made


def an_address(server: SmtpServer, tls: str, **changes: Any) -> EmailAddress:
    keys = {
        "name": "mail",
        "channel": "email",
        "host": "localhost",
        "port": server.port,
        "tls": tls,
        "ca_file": server.ca_file,
        "username": USER,
        "password": PASSWORD,
        "from": "desk@kaltim.example",
        "to": TO,
        **changes,
    }
    return EmailAddress.model_validate({key: value for key, value in keys.items() if value is not None})


async def send(address: EmailAddress, message: Message = MESSAGE, timeout_s: float = 10) -> Sent:
    channel = make_channel(address, Settings(send_timeout_s=timeout_s), a_calendar())
    return await channel.send(message)


async def failure(address: EmailAddress, message: Message = MESSAGE, timeout_s: float = 10) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await send(address, message, timeout_s)
    return failed.value


async def test_a_mail(server: SmtpServer, tls: str) -> None:
    """Encrypted, logged in, to all recipients at once; plain and HTML, and a number by which a repeat can be told."""
    assert await send(an_address(server, tls)) == Sent(250, "OK")
    ((to, mail),) = server.mailbox.got
    assert to == TO
    assert server.mailbox.was_encrypted == [True]
    assert set(server.mailbox.logins) == {USER}
    assert mail["From"] == "Desk Pilkada <desk@kaltim.example>"
    assert mail["To"] == ", ".join(TO)
    assert mail["Message-ID"] == "<msg_0123456789@kaltim.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "[Desk Pilkada] Kalimantan Timur: belum lapor: Samarinda."
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    for body in (plain.get_content(), html.get_content()):
        assert body.index("belum lapor: Samarinda.") < body.index("missing: Samarinda.")
        assert "19-11-2024 02:00 WITA" in body
        assert "Kota Samarinda" in body


async def test_a_repeat_can_be_told(server: SmtpServer, tls: str) -> None:
    """Sent again, it has the same Message-ID; another delivery has another one."""
    for message in (MESSAGE, MESSAGE, Message("msg_2", a_notice_payload())):
        await send(an_address(server, tls), message)
    ids = [mail["Message-ID"] for _, mail in server.mailbox.got]
    assert ids[0] == ids[1] != ids[2]


async def test_password_of_a_file(server: SmtpServer, tls: str, tmp_path: Path) -> None:
    """The login's password may stand in a file of its own."""
    (tmp_path / "smtp").write_text(PASSWORD + "\n")
    address = an_address(server, tls, password=None, password_file=tmp_path / "smtp")
    address.check()
    await send(address)
    assert len(server.mailbox.got) == 1


@pytest.mark.parametrize(
    ("where", "answer", "is_permanent"),
    [
        ("answer", "451 4.3.0 later", False),
        ("answer", "452 4.2.2 no room", False),
        ("answer", "421 4.3.2 closing", False),
        ("answer", "550 5.7.1 spam", True),
        ("answer", "552 5.3.4 too big", True),
        ("answer", "554 5.0.0 no", True),
        ("sender_answer", "450 4.1.8 later", False),
        ("sender_answer", "550 5.1.8 no such sender", True),
    ],
)
async def test_replies(server: SmtpServer, tls: str, where: str, answer: str, is_permanent: bool) -> None:
    """4xx is tried again, 5xx is dead; the server's words are kept."""
    setattr(server.mailbox, where, answer)
    failed = await failure(an_address(server, tls))
    assert (failed.is_permanent, failed.status, failed.disables) == (is_permanent, int(answer[:3]), False)
    assert str(failed) == f"SMTP {answer[:3]}"
    assert failed.reply == answer[4:]
    assert failed.left == tuple(TO)


@pytest.mark.parametrize(
    ("refused", "is_permanent", "got"),
    [
        ({TO[1]: "550 5.1.1 unknown"}, True, [TO[0], TO[2]]),
        ({TO[1]: "451 4.2.0 later"}, False, [TO[0], TO[2]]),
        ({TO[0]: "550 5.1.1 unknown", TO[2]: "451 4.2.0 later"}, False, [TO[1]]),
        (dict.fromkeys(TO, "550 5.1.1 unknown"), True, None),
        (dict.fromkeys(TO, "451 4.2.0 later"), False, None),
        ({TO[0]: "451 4.2.0 later", TO[1]: "550 5.1.1 unknown", TO[2]: "550 5.1.1 unknown"}, False, None),
    ],
)
async def test_some_are_refused(
    server: SmtpServer, tls: str, refused: dict[str, str], is_permanent: bool, got: list[str] | None
) -> None:
    """The others get it; the outcome says who did not and why, and only those get the next attempt."""
    server.mailbox.refused = refused
    address = an_address(server, tls)
    failed = await failure(address)
    assert failed.is_permanent is is_permanent
    assert failed.left == tuple(refused)
    assert (failed.took, failed.is_in_part) == (tuple(got or ()), got is not None)
    assert str(failed) == "refused: " + ", ".join(f"{who} ({said[:3]})" for who, said in refused.items())
    assert [to for to, _ in server.mailbox.got] == ([] if got is None else [got])
    server.mailbox.refused = {}
    await send(address, Message("msg_0123456789", a_notice_payload(), only_for=failed.left))
    to, mail = server.mailbox.got[-1]
    assert to == list(refused)
    assert mail["Message-ID"] == "<msg_0123456789@kaltim.example>"


async def test_wrong_password(server: SmtpServer, tls: str) -> None:
    """535 is dead at once: it will be as wrong in an hour."""
    failed = await failure(an_address(server, tls, password="wrong"))
    assert (failed.is_permanent, failed.status) == (True, 535)
    assert server.mailbox.got == []


@pytest.mark.parametrize("changes", [{"ca_file": None}, {"host": "127.0.0.1"}])
async def test_certificates_are_checked(server: SmtpServer, tls: str, changes: dict[str, Any]) -> None:
    """An authority that nobody named, or a certificate for another name: nothing is said, no login either."""
    failed = await failure(an_address(server, tls, **changes))
    assert str(failed) == "SSLCertVerificationError"
    assert not failed.is_permanent  # certificates are mended within the hours that it is tried
    assert server.mailbox.logins == []


@pytest.mark.parametrize("tls", ["none"])
async def test_no_encryption_is_a_passing_failure(server: SmtpServer, tls: str) -> None:
    """Whoever asks for STARTTLS never sends in clear; without a login mail may go in clear, if the file says so."""
    assert not (await failure(an_address(server, "starttls"))).is_permanent
    assert server.mailbox.got == []
    await send(an_address(server, "none", username=None, password=None))
    assert server.mailbox.was_encrypted == [False]


@pytest.mark.parametrize("tls", ["starttls"])
async def test_nobody_there(server: SmtpServer, tls: str) -> None:
    """A server that is down, has no name, or says nothing for too long is tried again."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for changes in ({"port": 1}, {"host": "no-such-host.invalid"}, {"port": silent.getsockname()[1]}):
            failed = await failure(an_address(server, tls, **changes), timeout_s=0.5)
            assert not failed.is_permanent, changes


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tls": "none"}, "never sent in clear"),
        ({"password": None}, "a login needs"),
        ({"username": None}, "a login needs"),
        ({"to": []}, "at least 1"),
        ({"to": ["nobody"]}, "pattern"),
        ({"to": ["a@b\r\nBcc: c@d"]}, "pattern"),
        ({"from": "Desk <a@b>"}, "pattern"),
        ({"host": "a b"}, "pattern"),
        ({"concurrency": 0}, "greater than"),
        ({"retry_for": "8d"}, "must lie between 1m and 7d"),
    ],
)
def test_wrong_addresses(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    """What cannot work is refused when the file is read, and the password is not said."""
    server = SmtpServer(25, None, tmp_path / "ca.pem")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=problem) as refused:
        an_address(server, **{"tls": "starttls", **changes})
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"password": None, "password_file": "/nowhere/smtp"}, "the password cannot be read"),
        ({"password": ""}, "the password is empty"),
        ({"ca_file": "/nowhere/ca.pem"}, "the ca cannot be read"),
    ],
)
def test_wrong_files(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    """So are files that are not there."""
    address = an_address(SmtpServer(25, None, None), "starttls", **changes)  # type: ignore[arg-type]
    with pytest.raises(BadAddress, match=problem):
        address.check()
