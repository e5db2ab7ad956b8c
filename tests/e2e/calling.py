"""HTTP by the standard library: a persistent connection a thread, retries as an agency's client makes them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.e2e.submissions import Submission

TIMEOUT_S = 15.0
GIVE_UP_S = 90.0
PAUSE_S = 0.2
TRY_AGAIN = frozenset({429, 503})


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


class Caller:
    """Calls one service with one key. Safe for threads: each has its own connection."""

    def __init__(self, base: str, key: str) -> None:
        self._address = urlsplit(base).netloc
        self._headers = {"Authorization": f"Bearer {key}"}
        self._own = threading.local()

    def send(self, submission: Submission) -> Answer:
        """Until it is answered for good: a service that died is asked again, under the same id."""
        body, headers = submission.payload()
        return self._persistently("POST", submission.path, body, {"Content-Type": "application/json", **headers})

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a 200. Raises LookupError for a 404."""
        answer = self._persistently("GET", f"{path}?{urlencode(query)}" if query else path)
        if answer.status == http.client.NOT_FOUND:
            raise LookupError(path)
        assert answer.status == http.client.OK, (path, answer)
        return answer.body

    def all(self, path: str, **query: Any) -> list[Any]:
        """All pages of a list."""
        items: list[Any] = []
        cursor: dict[str, Any] = {}
        while True:
            page = self.get(path, **query, **cursor)
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    def _persistently(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            try:
                answer = self._once(method, path, body, headers or {})
                if answer.status not in TRY_AGAIN or time.monotonic() > deadline:
                    return answer
            except (OSError, http.client.HTTPException):
                self._own.connection = None
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_S)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        connection.request(method, path, body, {**self._headers, **headers})
        answer = connection.getresponse()
        text = answer.read()
        return Answer(answer.status, json.loads(text) if text else None)
