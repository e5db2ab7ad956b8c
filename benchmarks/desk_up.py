"""The whole system as `desk up` runs it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.servers import ROOT

_READY_S, _STOP_S = 180.0, 60.0


@asynccontextmanager
async def desk_up(data_dir: Path, *options: str) -> AsyncIterator[dict[str, Any]]:
    """What it says when it is ready (docs/desk-up.md); it is stopped with the context."""
    data_dir.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
    with (data_dir / "desk-up.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "desk", "up", "--data-dir", str(data_dir)),
            *options,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_READY_S):
            line = await process.stdout.readline()
        assert line, (data_dir / "desk-up.log").read_text(errors="replace")[-2000:]
        yield json.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(_STOP_S):
            await process.wait()


_ACCEPTED = re.compile(r"^desk_accepted_total\{.*\} (\S+)$", re.MULTILINE)
_READ = re.compile(r"^desk_records_total\{.*\} (\S+)$", re.MULTILINE)


async def accepted(ready: dict[str, Any]) -> int:
    """How many events intake has accepted: whether a load arrives is asked of who receives it."""
    return await _told(ready["intake"], _ACCEPTED)


async def read(ready: dict[str, Any], service: str) -> int:
    """How many records a consuming service has read."""
    return await _told(ready[service], _READ)


async def _told(url: str, pattern: re.Pattern[str]) -> int:
    async with aiohttp.ClientSession() as asking, asking.get(f"{url}/metrics") as answer:
        return sum(int(float(found)) for found in pattern.findall(await answer.text()))
