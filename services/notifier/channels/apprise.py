"""Telegram, WhatsApp, SMS gateways and a hundred more, through the library Apprise.

It blocks, so it runs in threads, with a total deadline. It says what went wrong to its log alone, and there with
addresses and, at DEBUG, with tokens: its log goes nowhere, but for the warnings of a send, which become its outcome.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from typing import Any

from services.notifier.channels import Message, SendFailed, Sent, failure_of_status
from services.notifier.channels.threads import Threads, TooManyThreads
from services.notifier.delivery import problems

# "Failed to send Telegram notification: Unauthorized, error=401." is how its plugins put it.
_STATUS = re.compile(r"\berror[=: ]+([1-5][0-9]{2})\b")
_TITLE = "Desk Pilkada"
# Some of its services take plain text for HTML (Telegram does): what an agency wrote never becomes a tag.
_NO_TAGS = str.maketrans("<>", "‹›")


class _Heard(logging.Filter):
    """Keeps the warnings of each thread that sends, and lets no line through."""

    def __init__(self) -> None:
        super().__init__()
        self.by_thread: dict[int, list[str]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        lines = self.by_thread.get(threading.get_ident())
        if lines is not None and record.levelno >= logging.WARNING:
            lines.append(record.getMessage())
        return False


_HEARD = _Heard()


def _quieten() -> None:
    """No line of the library's log, nor of the HTTP client under it, goes anywhere: they hold tokens."""
    logging.getLogger("apprise").addFilter(_HEARD)  # once, however often it is added
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _service(url: str, timeout_s: float = 4.0) -> Any:
    """The library's object for a url, None if it is none it understands."""
    import apprise  # takes a second; whoever has no such receiver does without

    asset = apprise.AppriseAsset(
        app_id=_TITLE,
        app_desc=_TITLE,
        app_url="",
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        http_redirects=False,
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is not None:
        service.overflow_mode = apprise.OverflowMode.SPLIT  # a digest of 500 names is longer than one SMS
        service.socket_connect_timeout = service.socket_read_timeout = timeout_s
    return service


def is_understood(url: str) -> bool:
    """Whether the library knows the service and the url is whole. Nothing is sent."""
    _quieten()
    return bool(url) and _service(url) is not None


class Apprise:
    def __init__(self, url: str, *, timeout_s: float, concurrency: int = 1) -> None:
        _quieten()
        self._service = _service(url, timeout_s / 2)
        self._timeout_s = timeout_s
        self._threads = Threads(concurrency)

    async def send(self, message: Message) -> Sent:
        text = message.payload["data"]["text"]
        try:
            async with asyncio.timeout(self._timeout_s):
                body = f"{text['id']}\n\n{text['en']}".translate(_NO_TAGS)
                lines = await self._threads.run(lambda: self._notify(body))
        except TimeoutError:
            raise SendFailed("TimeoutError", is_permanent=False) from None
        except TooManyThreads:
            raise SendFailed(problems.NOT_ENDED, is_permanent=False) from None
        if lines is None:
            return Sent()
        said = "; ".join(lines)
        status = _STATUS.search(said)
        if status is not None:
            raise failure_of_status(int(status[1]), said)
        raise SendFailed(problems.NOT_SENT, is_permanent=False, reply=said)

    async def close(self) -> None:
        """Nothing to close: each send has a connection of its own."""

    def _notify(self, body: str) -> list[str] | None:
        """None if it was sent; else what the library warned of."""
        if self._service is None:
            return ["the url is none that Apprise understands"]
        import apprise

        lines = _HEARD.by_thread[threading.get_ident()] = []
        try:
            is_sent = self._service.notify(
                body=body, title=_TITLE, notify_type=apprise.NotifyType.WARNING, body_format=apprise.NotifyFormat.TEXT
            )
        finally:
            del _HEARD.by_thread[threading.get_ident()]
        return None if is_sent else lines or ["it gave no reason"]
