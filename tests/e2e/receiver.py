"""A monitoring team's webhook receiver: a real one on 127.0.0.1 that verifies every signature."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
NAME = "monitoring"


@dataclass(frozen=True)
class Told:
    """One notice that we answered 204."""

    webhook_id: str
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        data = json.loads(self.body)["data"]
        assert isinstance(data, dict)
        return data


class Receiver:
    """Every `refuse_every`-th new notice is answered 503 the first time, so that it has to come again."""

    def __init__(self, refuse_every: int = 7) -> None:
        self.told: list[Told] = []
        self.bad_signatures = 0
        self.url = ""
        self._seen: set[str] = set()
        self._refuse_every = refuse_every
        self._lock = threading.Lock()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The status to answer."""
        with self._lock:
            try:
                Webhook(SECRET).verify(body, headers)
            except WebhookVerificationError:
                self.bad_signatures += 1
                return 401
            webhook_id = headers["webhook-id"]
            is_new = webhook_id not in self._seen
            self._seen.add(webhook_id)
            if is_new and len(self._seen) % self._refuse_every == 0:
                return 503
            self.told.append(Told(webhook_id, body))
            return 204

    def notices(self) -> list[dict[str, Any]]:
        """Each notice once, however often it came."""
        with self._lock:
            return list({told.webhook_id: told.data for told in self.told}.values())

    def changed_repeats(self) -> list[str]:
        """Webhook-ids under which two different contents came: there must be none."""
        with self._lock:
            first: dict[str, bytes] = {}
            return [t.webhook_id for t in self.told if first.setdefault(t.webhook_id, t.body) != t.body]

    def write_receivers_file(self, directory: Path) -> Path:
        entry = {"name": NAME, "channel": "webhook", "url": self.url, "secret": SECRET, "allow_private": True}
        path = directory / "receivers.yaml"
        path.write_text(
            yaml.safe_dump({"receivers": [entry], "digest_wait": "0s", "max_notice_age": "60d", "inhibit": []}),
            encoding="utf-8",
        )
        return path


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver at its `url`, until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, name="receiver")
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
