"""Webhooks: a POST signed by Standard Webhooks, never to a private address unless the receivers file allows it.

With several secrets the header carries a signature for each, so that a receiver can change its secret without a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
from standardwebhooks import Webhook as Signer

from services.notifier.channels import Message, Sent
from services.notifier.channels.http import Poster


class Webhook:
    def __init__(
        self, url: str, secrets: Sequence[str], *, allow_private: bool, timeout_s: float, concurrency: int = 1
    ) -> None:
        self._url = url
        self._signers = [Signer(secret) for secret in secrets]
        self._poster = Poster(allow_private=allow_private, timeout_s=timeout_s, most=concurrency)

    async def send(self, message: Message) -> Sent:
        body = orjson.dumps(message.payload)
        return await self._poster.post(self._url, body, self._signed_headers(message, body))

    async def close(self) -> None:
        await self._poster.close()

    def _signed_headers(self, message: Message, body: bytes) -> dict[str, str]:
        now = message.at or datetime.now(UTC)  # real time, and right: receivers refuse what is minutes off
        signatures = [s.sign(msg_id=message.webhook_id, timestamp=now, data=body.decode()) for s in self._signers]
        return {
            "webhook-id": message.webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
