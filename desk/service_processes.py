"""The three services as processes of the local stack: their environment, their start, their readiness."""

from __future__ import annotations

import functools
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from desk.stack.errors import StackError
from desk.stack.ports import HOST
from desk.stack.process import Command, Process, Register, start_process
from desk.supervisor import Child
from shared.settings import PREFIX

SERVICES = ("intake", "aggregator", "notifier")
ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION_ERROR = 2
# A service finishes its requests within 20 s. What else may hang (docker-compose.yml has 60 s for it) is cut off:
# somebody waits at a terminal, and what was being sent is sent again.
GRACE_S = 22.0
READY_TIMEOUT_S = 90.0
PROGRESS_EVERY_S = 10.0
PROBE_TIMEOUT_S = 3.0


class Misconfigured(StackError):
    """A setting or a file is wrong; one line says which, what is wrong, and gives an example. Exit status 2."""


def environment(environ: Mapping[str, str], **settings: object) -> dict[str, str]:
    """A child's environment: ours, with the given DESK_* settings put over it (None leaves ours alone)."""
    given = {PREFIX + name.upper(): str(value) for name, value in settings.items() if value is not None}
    path = os.pathsep.join(filter(None, (str(ROOT), environ.get("PYTHONPATH"))))
    return {**environ, **given, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def service_child(name: str, port: int, env: Mapping[str, str], log_path: Path) -> Child:
    """A service on 127.0.0.1:`port`, not started yet."""
    own = {**env, "DESK_HTTP_HOST": HOST, "DESK_HTTP_PORT": str(port), "DESK_LOG_FORMAT": "json"}
    command = Command(name, [sys.executable, "-m", f"services.{name}"], log_path, env=own)
    return Child(name, name, functools.partial(_start, command), GRACE_S)


def _start(command: Command, register: Register) -> Process:
    return start_process(command, register)


def wait_until_all_ready(services: Sequence[Child], ports: Sequence[int], say: Callable[[str], None]) -> None:
    """Return when each answers `/readyz` with 200; one that dies meanwhile is started again.

    Raises Misconfigured, with its own line, if one says that its configuration is wrong; StackError if not all
    are ready after 90 s.
    """
    began = time.monotonic()
    told_at = began
    waiting = dict(zip((s.name for s in services), ports, strict=True))
    while True:
        _look_after(services, say)
        reasons = {name: why_not_ready(port) for name, port in waiting.items()}
        for name in [n for n, reason in reasons.items() if reason is None]:
            say(f"{name} is ready after {time.monotonic() - began:.1f} s: http://{HOST}:{waiting.pop(name)}")
        if not waiting:
            return
        not_yet = "; ".join(f"{name}: {reasons[name]}" for name in waiting)
        if time.monotonic() - began > READY_TIMEOUT_S:
            logs = ", ".join(str(s.process.log_path) for s in services if s.name in waiting and s.process)
            raise StackError(f"not ready after {READY_TIMEOUT_S:.0f} s: {not_yet}. Look at {logs}")
        if time.monotonic() - told_at > PROGRESS_EVERY_S:
            told_at = time.monotonic()
            say(f"Still waiting, for at most {READY_TIMEOUT_S - (told_at - began):.0f} s: {not_yet}")
        time.sleep(0.1)


def _look_after(services: Sequence[Child], say: Callable[[str], None]) -> None:
    for service in services:
        process = service.process
        if process is not None and process.returncode == CONFIGURATION_ERROR:
            raise Misconfigured(process.tail(1) or f"{service.name} refused its configuration")
        if (message := service.poll()) is not None:
            say(message)


def why_not_ready(port: int) -> str | None:
    """None if the service at `port` is ready, else why not, as it says itself."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(65_536)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer yet ({type(error).__name__})"
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return None
    try:
        return ", ".join(f"{name} {problem}" for name, problem in json.loads(body)["problems"].items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"/readyz answers {answer.status}"
