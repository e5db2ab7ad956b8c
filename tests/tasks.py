"""Which tasks run, to tell afterwards whether one was left behind."""

from __future__ import annotations

import asyncio
from typing import Any


def running_tasks() -> set[asyncio.Task[Any]]:
    """All but those of the database's driver, whose client is shared by all tests and comes and goes as it likes."""
    return {task for task in asyncio.all_tasks() if "/pymongo/" not in _file(task)}


def _file(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return getattr(code, "co_filename", "")
