"""A real SMTP server (aiosmtpd) with TLS and a login, that refuses whom a test says and keeps what it got."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "desk", "kata-sandi-geheim-$%/+"
OK = "250 OK"


class Mailbox:
    """The server's handler. `refused` are recipients and what they are answered; `answer` is that to the whole mail;
    `greeting` that to the sender."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.logins: list[str] = []
        self.was_encrypted: list[bool] = []
        self.refused: dict[str, str] = {}
        self.answer, self.sender_answer = OK, OK

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _s: Session, envelope: Envelope, sender: str, options: list[str]
    ) -> str:
        if self.sender_answer == OK:
            envelope.mail_from = sender
            envelope.mail_options.extend(options)
        return self.sender_answer

    async def handle_RCPT(self, _server: SMTP, _s: Session, envelope: Envelope, to: str, _options: list[str]) -> str:  # noqa: N802
        answer = self.refused.get(to, OK)
        if answer == OK:
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert server.transport is not None
        self.was_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if self.answer == OK:
            mail = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
            self.got.append((envelope.rcpt_tos, mail))
        return self.answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        # The server's words hold what it was given, as some servers' do.
        said = f"535 5.7.8 {data.password.decode()} is wrong for {data.login.decode()}"
        return AuthResult(success=is_right, handled=False, message=None if is_right else said)


@dataclass(frozen=True)
class SmtpServer:
    port: int
    mailbox: Mailbox
    ca_file: Path


@asynccontextmanager
async def smtp_server(directory: Path, tls: str) -> AsyncIterator[SmtpServer]:
    """Listening on localhost with a certificate of its own authority; `tls` as in the receivers file."""
    authority, mailbox = trustme.CA(), Mailbox()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    every: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": context, "require_starttls": True, "auth_required": True},
        "implicit": {"auth_required": True, "auth_require_tls": False},
        "none": {},
    }
    options = every[tls]

    def connected() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it does not know that its connection is encrypted already
            return SMTP(mailbox, authenticator=mailbox.authenticate, hostname="localhost", **options)

    implicit = context if tls == "implicit" else None
    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, ssl=implicit)
    try:
        yield SmtpServer(server.sockets[0].getsockname()[1], mailbox, ca_file)
    finally:
        server.close()
