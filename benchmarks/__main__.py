"""`make bench`: every benchmark, one table each, on stdout."""

from __future__ import annotations

import asyncio
import os
import platform
import sys

from benchmarks import aggregate, decode, fold, intake, publish, reading


def _machine() -> str:
    return f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n"


def run() -> None:
    """Run all, slowest last."""
    sys.stdout.write(_machine())
    for benchmark in (decode, publish, intake, fold, aggregate, reading):
        sys.stdout.write("\n" + asyncio.run(benchmark.main()))
        sys.stdout.flush()


if __name__ == "__main__":
    run()
