"""Fixtures of the end-to-end tests: the seed, and a say that pytest shows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import pytest

from tests.backends import SAID

DEFAULT_SEED = 20241127


@pytest.fixture
def seed() -> int:
    """`E2E_SEED` runs another fortnight, or a failed one again."""
    chosen = int(os.environ.get("E2E_SEED", DEFAULT_SEED))
    SAID[f"end to end: E2E_SEED={chosen} runs the same random fortnights again"] = None
    return chosen


@pytest.fixture
def say() -> Callable[[str], None]:
    """A line with the time since the test began; shown when a test fails, or with `-s`."""
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - began:6.1f} s] {line}\n")

    return say
