"""The agency's and the operator's client: a service that is away is asked again, with the same id, within bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import orjson

from desk.demo.scenario import Acknowledgement, Step

if TYPE_CHECKING:
    from desk.running import RunningStack

PATIENCE_S = 60.0
ONE_CALL = aiohttp.ClientTimeout(total=15.0)
PASSING = frozenset({429, 502, 503, 504})
NEXT_TRY_S = 0.4
TELL_FIRST, TELL_EVERY = 3, 20  # of the calls in vain
ACCEPTED = 202
PATHS = {"report": "/v1/reports", "incident": "/v1/incidents", "logistics": "/v1/logistics"}

Json = dict[str, Any]


class ServiceAway(Exception):
    """A service did not answer for as long as we are willing to wait."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and how many calls it took."""

    status: int
    body: Json
    calls: int


class Client:
    """`on_retry` is told now and then which method is tried again, which service is away, and why."""

    def __init__(
        self, stack: RunningStack, session: aiohttp.ClientSession, on_retry: Callable[[str, str, str], None]
    ) -> None:
        self._stack, self._session, self._on_retry = stack, session, on_retry

    async def send(self, step: Step, language: str = "id") -> Answer:
        """Send a submission. Raises ServiceAway."""
        headers = {"Authorization": f"Bearer {self._stack.agency_key}", "Accept-Language": language}
        return await self._call("POST", "intake", PATHS[step.send], headers, data=orjson.dumps(step.body))

    async def acknowledge(self, taken: Acknowledgement) -> Answer:
        """Take an alert in hand, as an operator. Raises ServiceAway."""
        headers = {"Authorization": f"Bearer {self._stack.operator_key}"}
        path = f"/v1/alerts/{quote(taken.alert, safe='')}/acknowledge"
        return await self._call("POST", "notifier", path, headers, data=orjson.dumps({"note": taken.note}))

    async def event(self, event_id: str) -> Json | None:
        """What became of an event of ours; None if the aggregator has not seen it. Raises ServiceAway."""
        return await self.get("aggregator", f"/v1/events/{self._stack.agency}/{event_id}")

    async def get(self, service: str, path: str, **params: str) -> Json | None:
        """What is there; None for 404. Raises ServiceAway, ValueError for any other refusal."""
        headers = {"Authorization": f"Bearer {self._stack.operator_key}"}
        answer = await self._call("GET", service, path, headers, params=params)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ValueError(f"{service} answers {answer.status} to GET {path}: {answer.body.get('detail', '')}")
        return answer.body

    async def items(self, service: str, path: str, **params: str) -> list[Json]:
        """A whole list, page by page. Raises as `get`."""
        found: list[Json] = []
        while True:
            page = await self.get(service, path, **params) or {}
            found += page.get("items", [])
            if not page.get("next"):
                return found
            params = {**params, "cursor": page["next"]}

    async def _call(self, method: str, service: str, path: str, headers: dict[str, str], **more: Any) -> Answer:
        url = getattr(self._stack, service) + path
        if "data" in more:
            headers = {**headers, "Content-Type": "application/json"}
        give_up_at = time.monotonic() + PATIENCE_S
        calls = 0
        while True:
            calls += 1
            try:
                async with self._session.request(method, url, headers=headers, timeout=ONE_CALL, **more) as response:
                    raw = await response.read()
                    problem = f"HTTP {response.status}"
                    if response.status not in PASSING:
                        return Answer(response.status, _json(raw), calls)
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = type(error).__name__
            if time.monotonic() > give_up_at:
                raise ServiceAway(f"{service} ({url}): {problem}")
            if calls % TELL_EVERY == TELL_FIRST:
                self._on_retry(method, service, problem)
            await asyncio.sleep(NEXT_TRY_S)


def _json(raw: bytes) -> Json:
    """A JSON object; anything else as its text."""
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"detail": raw[:200].decode(errors="replace")}
