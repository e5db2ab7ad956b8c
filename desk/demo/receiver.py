"""A monitoring team's receiver: a real webhook endpoint on 127.0.0.1 that verifies signatures and keeps notices."""

from __future__ import annotations

import base64
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

HOST = "127.0.0.1"
NAME = "desk-provinsi"
PATH = "/notices"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice whose signature was right. `alerts` are the ids it tells of, `text` what it says by language."""

    webhook_id: str
    change: str
    alerts: tuple[str, ...]
    text: Mapping[str, str]


class Receiver:
    """Keeps every notice, repeats too; what is not signed by us is refused and counted."""

    def __init__(self, secret: str) -> None:
        self._verifier = Webhook(secret)
        self.notices: list[Notice] = []
        self.bad_signatures = 0

    @property
    def told(self) -> set[tuple[str, str]]:
        """The changes of alerts that were told: (alert, change)."""
        return {(alert, notice.change) for notice in self.notices for alert in notice.alerts}

    @property
    def repeats(self) -> int:
        """How many notices came under a `webhook-id` that had come before."""
        return sum(count - 1 for count in Counter(notice.webhook_id for notice in self.notices).values())

    @asynccontextmanager
    async def serve(self, listening: socket.socket) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post(PATH, self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            self._verifier.verify(body.decode(), headers)
            notice = _notice(headers["webhook-id"], orjson.loads(body))
        except (WebhookVerificationError, UnicodeDecodeError, KeyError, ValueError):
            self.bad_signatures += 1
            return web.Response(status=401)
        self.notices.append(notice)
        return web.Response(status=204)


def _notice(webhook_id: str, payload: Mapping[str, Any]) -> Notice:
    data = payload["data"]
    return Notice(webhook_id, data["change"], tuple(alert["id"] for alert in data["alerts"]), data["text"])


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def listen() -> socket.socket:
    """A socket on a free port, bound before anyone is told its address."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, 0))
    return listening


def write_receivers(data_dir: Path, port: int, secret: str) -> Path:
    """The receivers file that names us, its secret in a file of its own that only the owner can read."""
    secret_file = data_dir / "receiver.secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(secret, encoding="utf-8")
    us = {
        "name": NAME,
        "channel": "webhook",
        "url": f"http://{HOST}:{port}{PATH}",
        "secret_file": str(secret_file.resolve()),
        "allow_private": True,
    }
    path = data_dir / "receivers.yaml"
    path.write_text(yaml.safe_dump({"receivers": [us], "digest_wait": "0s"}), encoding="utf-8")
    return path
