"""An intake process that a test may kill and start again at the same address."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from desk.service_processes import environment, service_child, why_not_ready
from desk.stack.ports import free_ports
from shared.access.keys import Grant
from tests.service.intake.real_intake import prepare


class MortalIntake:
    """On a real broker and a real database. Not from inside a loop."""

    def __init__(
        self, kafka: str, mongo_url: str, keys: Mapping[str, Grant], directory: Path, **settings: object
    ) -> None:
        prepare(kafka, mongo_url, keys)
        (self._port,) = free_ports(1)
        env = environment(os.environ, kafka=kafka, mongo=mongo_url, **settings)
        self._child = service_child("intake", self._port, env, directory / "intake.log")
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return when it is ready."""
        process = self._child.start()
        deadline = time.monotonic() + 60
        while (problem := why_not_ready(self._port)) is not None:
            assert time.monotonic() < deadline, (problem, process.tail())
            time.sleep(0.05)

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self._child.process is not None
        self._child.process.kill()
