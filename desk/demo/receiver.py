"""The receivers of the demo: real webhook endpoints on 127.0.0.1 that verify signatures and keep notices.

One is told of everything; one of what nobody has taken in hand for too long; one is there no more (410).
"""

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

from desk.demo import team

HOST = "127.0.0.1"
PATH = "/notices"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice whose signature was right, and which receiver it was for. `alerts` are the ids it tells of, `text`
    what it says by language."""

    receiver: str
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
    def told(self) -> set[tuple[str, str, str]]:
        """The changes of alerts that were told: (receiver, alert, change)."""
        return {(notice.receiver, alert, notice.change) for notice in self.notices for alert in notice.alerts}

    @property
    def repeats(self) -> int:
        """How many notices came under a `webhook-id` that had come before."""
        return sum(count - 1 for count in Counter(notice.webhook_id for notice in self.notices).values())

    @asynccontextmanager
    async def serve(self, listening: socket.socket) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post(f"{PATH}/{team.GONE}", _refuse_for_good)
        app.router.add_post(f"{PATH}/{{receiver}}", self._take)
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
            notice = _notice(request.match_info["receiver"], headers["webhook-id"], orjson.loads(body))
        except (WebhookVerificationError, UnicodeDecodeError, KeyError, ValueError):
            self.bad_signatures += 1
            return web.Response(status=401)
        self.notices.append(notice)
        return web.Response(status=204)


async def _refuse_for_good(_request: web.Request) -> web.Response:
    return web.Response(status=410)


def _notice(receiver: str, webhook_id: str, payload: Mapping[str, Any]) -> Notice:
    data = payload["data"]
    return Notice(receiver, webhook_id, data["change"], tuple(alert["id"] for alert in data["alerts"]), data["text"])


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

    def webhook(name: str, **selected: list[str]) -> dict[str, Any]:
        url = f"http://{HOST}:{port}{PATH}/{name}"
        key = {"secret_file": str(secret_file.resolve()), "allow_private": True}
        return {"name": name, "channel": "webhook", "url": url, **key, **selected}

    path = data_dir / "receivers.yaml"
    document = {
        "digest_wait": "0s",
        "receivers": [
            webhook(team.DESK, regions=["*"]),
            webhook(team.HEAD),
            webhook(team.GONE, rules=list(team.ESCALATED_RULES)),
        ],
        "routes": [
            {
                "to": [team.DESK],
                "rules": list(team.ESCALATED_RULES),
                "regions": list(team.ESCALATED_REGIONS),
                "escalate": [{"after": f"{team.ESCALATED_AFTER_M}m", "to": [team.HEAD]}],
            }
        ],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
