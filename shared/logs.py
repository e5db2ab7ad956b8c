"""Structured logs on stderr, with one correlation id from the HTTP call through Kafka to the delivery."""

from __future__ import annotations

import logging
import random
import re
import sys
import time
from contextvars import ContextVar
from typing import Any

import structlog

TRACEPARENT = "traceparent"
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")

trace_id: ContextVar[str] = ContextVar("trace_id", default="")


def new_trace_id() -> str:
    return _name(16)


def _name(size: int) -> str:
    """So many bytes in hex, which nobody else has. No secret: asking the system for each costs 10 us an event."""
    return random.randbytes(size).hex()  # noqa: S311


def trace_id_of(traceparent: str | None) -> str:
    """The trace id in a W3C `traceparent`; a new one where there is none or it is malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return match[1] if match else new_trace_id()


def traceparent() -> str:
    """A `traceparent` for what this call causes."""
    return f"00-{trace_id.get() or new_trace_id()}-{_name(8)}-01"


def _add_trace(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if trace_id.get():
        event["trace_id"] = trace_id.get()
    return event


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
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
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
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    handler.addFilter(_calm_libraries)
    for noisy in ("aiokafka", "pymongo", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
