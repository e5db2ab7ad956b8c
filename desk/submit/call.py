"""One call of intake's `POST /v1/batch`, and what its answer means for those who wait."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from services.intake.batch.lines import LineCutter
from shared.texts import Language, text

_TIMES = aiohttp.ClientTimeout(total=None, sock_connect=15.0, sock_read=150.0)  # a batch may wait for its rate
_LONGEST_RESULT = 1024 * 1024
_NDJSON = "application/x-ndjson"
TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})  # of a whole call
_TOO_LARGE = 413
_ELSEWHERE = frozenset({404, 405})  # who answers is not intake

Json = dict[str, Any]


class NotNow(Exception):
    """Passing: the call can be made again. `after_s` is what the server asks for, if it does."""

    def __init__(self, problem: str, after_s: float | None = None) -> None:
        super().__init__(problem)
        self.after_s = after_s


class TooLarge(Exception):
    """The server takes smaller batches only."""


class Never(Exception):
    """Permanent: a key, an address or a whole file is wrong. The message says which."""


@dataclass(frozen=True)
class Target:
    """Where to send, with which key, and how. `kind` is that of all lines, if the lines do not say theirs."""

    url: str
    key: str
    kind: str | None
    is_dry_run: bool
    language: Language


async def post_batch(
    session: aiohttp.ClientSession, target: Target, body: bytes, media_type: str
) -> AsyncGenerator[Json]:
    """The results as they come. Raises NotNow, TooLarge, Never; results that came before are results."""
    headers = {
        "Authorization": f"Bearer {target.key}",
        "Content-Type": media_type,
        "Accept": _NDJSON,
        "Accept-Language": target.language,
    }
    query = {"kind": target.kind, "dry_run": "1" if target.is_dry_run else None}
    params = {name: value for name, value in query.items() if value is not None}
    url = f"{target.url.rstrip('/')}/v1/batch"
    try:
        async with session.post(
            url, data=body, headers=headers, params=params, timeout=_TIMES, allow_redirects=False
        ) as response:
            if response.status != 200 or response.content_type != _NDJSON:
                raise await _failure(response, target)
            cutter = LineCutter(_LONGEST_RESULT)
            async for piece in response.content.iter_any():
                for line in cutter.feed(piece):
                    yield orjson.loads(line.raw or b"")
    except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
        raise NotNow(
            text("submit", "no_answer", target.language, reason=type(error).__name__, url=target.url)
        ) from error


async def _failure(response: aiohttp.ClientResponse, target: Target) -> Exception:
    """What an answer without results means."""
    said = _said(await response.content.read(64 * 1024))
    told = f"{response.status}: {said or response.reason}"
    if response.status == _TOO_LARGE:
        return TooLarge(told)
    if response.status in TRY_AGAIN:
        after = response.headers.get("Retry-After", "")
        return NotNow(told, float(after) if after.isdecimal() else None)
    if response.status < 400 or response.status in _ELSEWHERE:
        return Never(text("submit", "wrong_address", target.language, problem=told, url=target.url))
    return Never(told)


def _said(raw: bytes) -> str:
    """A problem's title, details and wrong fields in a line; nothing for what is no problem of ours."""
    try:
        problem = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ""
    return problem_text(problem) if isinstance(problem, dict) and "title" in problem else ""


def problem_text(problem: Json) -> str:
    """`region: is no known region; ...` of a problem with fields, else what it says to do."""
    fields = [f"{error['field']}: {error['problem']}" for error in problem.get("errors", ())]
    return "; ".join(fields) or str(problem.get("detail") or problem["title"])
