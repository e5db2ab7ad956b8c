"""Alertmanager's v2 API (`POST /api/v2/alerts`), for teams whose on-call already lives there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from yarl import URL

from services.notifier.channels import Message, Sent
from services.notifier.channels.http import Poster
from services.notifier.routing.addresses import AlertmanagerAddress

Document = dict[str, Any]
# payload, now, until -> alerts
Labelled = Callable[[Document, datetime, datetime], list[Document]]
_MISSED = 4  # so many times may telling again fail before an alert is taken for resolved, as Prometheus has it


class Alertmanager:
    def __init__(self, address: AlertmanagerAddress, labelled: Labelled, *, timeout_s: float) -> None:
        url = URL(address.url)
        self._url = str(url.with_user(None) / "api/v2/alerts")
        self._headers = _authorization(address, url)
        self._labelled = labelled
        self._lasting: timedelta = _MISSED * address.resend_every
        # An Alertmanager lives in one's own network.
        self._poster = Poster(allow_private=True, timeout_s=timeout_s, most=address.concurrency)

    async def send(self, message: Message) -> Sent:
        return await self._tell([message.payload], message.at or datetime.now(UTC))

    async def tell(self, payloads: Sequence[Document]) -> Sent:
        """Tell the alerts of these payloads, as they are in them. Raises SendFailed."""
        return await self._tell(payloads, datetime.now(UTC))

    async def _tell(self, payloads: Sequence[Document], now: datetime) -> Sent:
        """`now` is real time, as Alertmanager's."""
        alerts = [alert for payload in payloads for alert in self._labelled(payload, now, now + self._lasting)]
        return await self._poster.post(self._url, orjson.dumps(alerts), self._headers)

    async def close(self) -> None:
        await self._poster.close()


def _authorization(address: AlertmanagerAddress, url: URL) -> dict[str, str]:
    """Of the address' own keys, else of a login in its url. Raises OSError if a file cannot be read."""
    token = address.token()
    if token is not None:
        return {"authorization": f"Bearer {token}"}
    user, password = address.username or url.user, address.login_password() or url.password
    if user is None:
        return {}
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()}
