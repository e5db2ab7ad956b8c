"""Spans to a collector: OpenTelemetry's SDK and its exporter, OTLP over HTTP.

Sending has a thread of its own, a bounded queue and an end; a collector that is away costs spans and two lines in the
log, nothing else. What else OpenTelemetry's own variables say (`OTEL_EXPORTER_OTLP_HEADERS`,
`OTEL_RESOURCE_ATTRIBUTES`) its libraries read themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from shared.logs import get_logger
from shared.tracing.places import Place
from shared.tracing.spans import Kind, Value

log = get_logger(__name__)

_PATH = "/v1/traces"
_TIMEOUT_S = 5.0  # for one sending, its repeats included
_SEND_EVERY_MS = 1_000
_MOST_WAITING = 4_096  # spans, about 2 KB each; what comes when it is full takes the oldest one's place
_MOST_SENT = 512
_CLOSE_S = 3.0


def traces_url(endpoint: str) -> str:
    """The address of the collector's traces, given that or the collector's."""
    base = endpoint.rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH


class Otlp:
    """A tracer. Nothing is dialled before the first span ends."""

    def __init__(self, service: str, endpoint: str) -> None:
        for noisy in ("opentelemetry.exporter", "opentelemetry.exporter.otlp.common.http"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)  # `Telling` says it, in one line
        known = {
            "service.name": service,
            "service.namespace": "desk-pilkada",
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
        exporter = Telling(OTLPSpanExporter(endpoint=traces_url(endpoint), timeout=_TIMEOUT_S))
        self._provider = TracerProvider(ALWAYS_ON, Resource.create(known), shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_MOST_WAITING,
                schedule_delay_millis=_SEND_EVERY_MS,
                max_export_batch_size=_MOST_SENT,
            )
        )
        self._tracer = self._provider.get_tracer("desk-pilkada")

    def open(
        self, name: str, kind: Kind, parent: Place | None, links: Sequence[Place], values: Mapping[str, Value]
    ) -> _Open:
        return _Open(
            self._tracer.start_span(
                name,
                context=_below(parent),
                kind=SpanKind[kind.name],
                attributes=values,
                links=[Link(_context(place)) for place in links],
            )
        )

    async def close(self) -> None:
        """Send what is left, for a few seconds; a thread that hangs longer dies with the process."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await _ended(closing, _CLOSE_S)
        if closing.is_alive():
            log.warning("traces_not_sent", reason="the collector takes too long")


class _Open:
    """A span of the SDK's, as ours go."""

    def __init__(self, sdk: SdkSpan) -> None:
        self._sdk = sdk
        context = sdk.get_span_context()
        self.place = Place(f"{context.trace_id:032x}", f"{context.span_id:016x}", is_sampled=True)

    def note(self, values: Mapping[str, Value]) -> None:
        self._sdk.set_attributes(values)

    def rename(self, name: str) -> None:
        self._sdk.update_name(name)

    def fail(self, why: str) -> None:
        self._sdk.set_attribute("error.type", why)
        self._sdk.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._sdk.end()


class Telling(SpanExporter):
    """An exporter that says once when spans begin to be lost, and once when they are taken again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - a thread of its own: whatever fails there must not end it
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                log.warning("traces_lost", reason="the collector did not take them; said once until it does")
            self._lost += len(spans)
        elif self._lost:
            log.warning("traces_taken_again", lost=self._lost)
            self._lost = 0
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


async def _ended(thread: threading.Thread, within_s: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while thread.is_alive() and loop.time() < until:  # noqa: ASYNC110 - a thread has nothing to wait for
        await asyncio.sleep(0.02)


def _context(place: Place) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if place.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), is_remote=True, trace_flags=flags)


def _below(parent: Place | None) -> Context:
    return set_span_in_context(NonRecordingSpan(_context(parent)), Context()) if parent else Context()
