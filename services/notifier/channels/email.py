"""Mail through an SMTP server: STARTTLS or implicit TLS, certificates always checked, several recipients.

The Message-ID is made of the delivery's `webhook-id`, the same for every attempt: a repeat can be told, and many mail
programs show it once. Of several recipients those that were refused are still owed; who took it gets no second one.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as AS_SENT
from email.utils import format_datetime
from pathlib import Path

import aiosmtplib

from services.notifier.channels import Message, SendFailed, Sent
from services.notifier.channels.threads import Threads
from services.notifier.delivery import problems
from services.notifier.notices.mails import Mail
from services.notifier.routing.addresses import EmailAddress

_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
_SENDER_NAME = "Desk Pilkada"
_POLITE_S = 2.0  # for QUIT, after everything is said

# Whoever was refused, with the server's code and words.
_Refused = Sequence[tuple[str, int, str]]


class Email:
    def __init__(
        self, address: EmailAddress, password: str | None, write: Callable[[Message], Mail], *, timeout_s: float
    ) -> None:
        self._address, self._password, self._write = address, password, write
        self._timeout_s = timeout_s
        self._threads = Threads(2 * address.concurrency)
        self._tls = None if address.tls == "none" else _tls(address.ca_file)

    async def send(self, message: Message) -> Sent:
        to = [one for one in self._address.to if not message.only_for or one in message.only_for]
        mail = self._composed(message, to)
        try:
            async with asyncio.timeout(self._timeout_s):
                refused, said = await self._hand_over(mail, to)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused, said = [(r.recipient, r.code, r.message) for r in error.recipients], ""
        except aiosmtplib.SMTPResponseException as error:
            is_permanent = 500 <= error.code < 600
            raise SendFailed(
                f"SMTP {error.code}", is_permanent=is_permanent, status=error.code, reply=error.message, left=to
            ) from None
        except (aiosmtplib.SMTPException, TimeoutError, OSError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error  # a bad certificate
            raise SendFailed(type(cause).__name__, is_permanent=False, left=to) from None
        if refused:
            raise _failure(refused, to)
        return Sent(250, said)

    async def close(self) -> None:
        """Nothing to close: each mail has a connection of its own."""

    async def _hand_over(self, mail: EmailMessage, to: Sequence[str]) -> tuple[_Refused, str]:
        address = self._address
        client = aiosmtplib.SMTP(
            hostname=address.host,
            sock=await self._threads.run(self._connected),
            local_hostname=socket.gethostname(),  # by default it would ask a name server, and wait for it
            timeout=self._timeout_s,
            use_tls=address.tls == "implicit",
            start_tls=address.tls == "starttls",
            tls_context=self._tls,
            username=address.username,
            password=self._password,
        )
        try:
            await client.connect()
            # As the refusals are told: of all recipients SMTPRecipientsRefused is raised, of some they are returned.
            refused, said = await client.sendmail(address.sender, to, mail.as_bytes(policy=AS_SENT))
            await _quit(client)
        finally:
            client.close()
        return [(who, answer.code, answer.message) for who, answer in refused.items()], said

    def _connected(self) -> socket.socket:
        """In a thread of this channel's own: a name server that hangs holds up no other receiver."""
        address = self._address
        return socket.create_connection((address.host, address.port or _PORTS[address.tls]), self._timeout_s)

    def _composed(self, message: Message, to: Sequence[str]) -> EmailMessage:
        written, address = self._write(message), self._address
        mail = EmailMessage()
        mail["From"] = Address(_SENDER_NAME, addr_spec=address.sender)
        mail["To"] = [Address(addr_spec=one) for one in to]
        mail["Subject"] = written.subject
        # Real time: a mail from 2024 would be taken for spam.
        mail["Date"] = format_datetime(message.at or datetime.now(UTC))
        mail["Message-ID"] = f"<{message.webhook_id}@{address.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply comes back
        mail.set_content(written.plain)
        mail.add_alternative(written.html, subtype="html")
        return mail


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _quit(client: aiosmtplib.SMTP) -> None:
    """The mail is taken: how the farewell goes changes nothing."""
    try:
        async with asyncio.timeout(_POLITE_S):
            await client.quit()
    except (aiosmtplib.SMTPException, TimeoutError, OSError):
        return


def _failure(refused: _Refused, to: Sequence[str]) -> SendFailed:
    """Who was refused and why. It passes as long as one of them may be taken later; all refused ones are owed."""
    left = [who for who, _, _ in refused]
    passing = [r for r in refused if not 500 <= r[1] < 600]
    names = ", ".join(f"{who} ({code})" for who, code, _ in refused)
    _, status, said = (passing or refused)[0]
    return SendFailed(
        f"{problems.REFUSED}: {names}",
        is_permanent=not passing,
        status=status,
        reply=said,
        left=left,
        took=[who for who in to if who not in left],
    )
