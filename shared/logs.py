"""Structured logs on stderr, with one correlation id from the HTTP call through Kafka to the delivery."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

import structlog

from shared.errors import told_in_full, without_login
from shared.tracing.places import trace_id


def _add_trace(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if "trace_id" not in event and (now := trace_id()):
        event["trace_id"] = now
    return event


def _in_words(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception as text, without what it quotes."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["exception"] = told_in_full(error)
    return event


_SHORTEST_SECRET = 12  # what is shorter may be a word, and masking it would garble every line
_KEY = re.compile(r"(desk_[A-Za-z0-9._-]{1,80}_)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
_secrets: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """From now on none of these is in any line, whoever writes it; that nobody does is not left to this."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            _secrets.update((secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]))


def _hidden(_logger: Any, _method: str, line: Any) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):  # of one within another nothing is left over
        line = line.replace(secret, "***")
    return _KEY.sub(r"\1***", without_login(line))


class OncePer(logging.Filter):
    """Lets each message of a noisy library through once per `seconds`: a dead broker is worth a line, not ten a
    second."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._last.get(record.msg, -self._seconds) < self._seconds:
            return False
        self._last[record.msg] = now
        return True


_calm = OncePer(30.0)


def _calm_libraries(record: logging.LogRecord) -> bool:
    return _calm.filter(record) if record.name.startswith("aiokafka") else True


def configure(service: str, level: str, style: str) -> None:
    """Once, by each process's start: JSON lines, or plain text for a terminal. Libraries' logs take the same way."""

    def add_service(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"service": service, **event}  # no context variable: libraries' threads have a context of their own

    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_service,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _in_words,
                renderer,
                _hidden,
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    handler.addFilter(_calm_libraries)
    for noisy in ("aiokafka", "pymongo", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _catch_the_rest()


def _catch_the_rest() -> None:
    """What Python itself writes to stderr, in many lines and with whatever an error quotes, is written as ours is."""
    log = get_logger("python")

    def uncaught(_kind: type[BaseException], error: BaseException | None, *_more: Any) -> None:
        log.critical("uncaught", exc_info=error)

    logging.captureWarnings(True)
    sys.excepthook = uncaught
    threading.excepthook = lambda args: uncaught(args.exc_type, args.exc_value)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
