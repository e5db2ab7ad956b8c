"""Ids for lines that have none, pure: the same for every try on the same day, others for another line or day.

A retry, and the same file once more, must not count twice; a weekly report in last week's words must count again. So
an id is of the day on which the sending began, of the content, and of how often that content has come before.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson


class Ids:
    """For the lines of one file, in order: each line with content is asked for once."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._seen: Counter[bytes] = Counter()

    def of(self, content: Mapping[str, Any]) -> str:
        """`2024-11-18-<32 hexadecimal digits>-<occurrence>`."""
        canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(canonical).digest()[:16]
        self._seen[digest] += 1
        return f"{self._day.isoformat()}-{digest.hex()}-{self._seen[digest]}"
