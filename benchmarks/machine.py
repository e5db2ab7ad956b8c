"""What the figures are of: the machine and the versions, without a name of either host or user."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from desk.stack import kafka_jars, mongod
from desk.stack.brokers import choose_broker

_LIBRARIES = ("aiokafka", "faststream", "fastapi", "uvicorn", "uvloop", "pydantic", "motor", "pymongo", "numpy")


def described() -> dict[str, Any]:
    """For the JSON."""
    import psutil  # of `requirements/bench.in`, which whoever only reads a description has not

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "broker": choose_broker(lambda _: None).name,
        "database": _database(),
        "java": _first_line([kafka_jars.java(), "-version"]),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def load() -> list[float]:
    """The load averages of one, five and fifteen minutes: who else was there."""
    return [round(value, 2) for value in os.getloadavg()]


def in_a_line(machine: dict[str, Any]) -> str:
    parts = [f"{machine['cores']} cores ({machine['cpu']})", f"{machine['memory_gb']} GB", machine["kernel"]]
    return ", ".join([*parts, f"Python {machine['python']}", machine["broker"], machine["database"]])


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _database() -> str:
    binary = mongod.find_binary()
    return "none" if binary is None else _first_line([str(binary), "--version"])


def _first_line(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        return str(error)
    return (done.stdout + done.stderr).partition("\n")[0].strip()
