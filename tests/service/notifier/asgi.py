"""One call of an app, without a server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

Answer = tuple[int, dict[str, str], Any]


async def call(
    app: FastAPI, method: str, path: str, query: dict[str, str], headers: dict[str, str], raw: bytes = b""
) -> Answer:
    """Status, headers, JSON."""
    sent: list[Any] = []
    if raw:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "http_version": "1.1"}
    scope |= {"query_string": urlencode(query).encode(), "root_path": "", "scheme": "http"}
    raw_headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    await app({**scope, "headers": raw_headers, "server": ("notifier", 80), "client": ("1.1.1.1", 1)}, receive, send)
    body = b"".join(m.get("body", b"") for m in sent[1:])
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, json.loads(body)
