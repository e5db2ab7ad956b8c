"""Spans to a real collector, and to one that is away, refuses, or never answers: nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from shared.settings import Settings
from shared.tracing import otlp, spans
from shared.tracing.otlp import Otlp, traces_url
from shared.tracing.places import Place, here, trace_id
from shared.tracing.spans import Kind
from tests.otlp_receiver import Collector, collecting

CALLER = Place("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=True)
OTHER = Place("1af7651916cd43dd8448eb211c80319c", "c7ad6b7169203331", is_sampled=True)
CLOSED = "http://127.0.0.1:9"
END_S = 5.0  # the bound on closing, and what a busy machine adds


@pytest.fixture
def collector() -> Iterator[Collector]:
    token = here.set(None)
    with collecting() as made:
        yield made
    spans.use(None)
    here.reset(token)


@pytest.fixture(autouse=True)
def not_traced_afterwards() -> Iterator[None]:
    yield
    spans.use(None)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The events of our own lines, and whatever OpenTelemetry's libraries wrote."""
    return [r.msg["event"] if isinstance(r.msg, dict) else f"{r.name}: {r.getMessage()}" for r in caplog.records]


@pytest.mark.parametrize("given", ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"])
def test_the_collector_s_address_or_its_traces_(given: str) -> None:
    """Either is what people copy out of a manual."""
    assert traces_url(given) == "http://c:4318/v1/traces"


async def test_spans_arrive(collector: Collector) -> None:
    """With whose they are, what they are below, what they are linked to, and no more of an error than its type."""
    spans.start("intake", Settings(otlp_endpoint=collector.url))
    with spans.incoming("POST", CALLER) as server:
        server.note({"http.route": "/v1/reports", "n": 3})
        assert trace_id() == CALLER.trace_id
        with pytest.raises(ValueError, match="secret"), spans.span("publish", Kind.PRODUCER, links=[OTHER]):
            raise ValueError("secret")
    with spans.incoming("GET", None):
        fresh = trace_id()
    await spans.stop()
    inner, outer, root = collector.spans()
    assert (outer.service, outer.name, outer.kind, outer.parent) == ("intake", "POST", 2, CALLER.span_id)
    assert outer.values == {"http.route": "/v1/reports", "n": 3}
    assert (inner.parent, inner.links, inner.is_failed) == (outer.span_id, (OTHER.trace_id,), True)
    assert inner.values == {"error.type": "ValueError"}
    assert b"secret" not in inner.raw
    assert (root.parent, root.trace_id, root.is_failed) == ("", fresh, False)


async def test_a_collector_that_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """And ends with the process all the same."""
    caplog.set_level(logging.INFO)
    tracer = Otlp("intake", CLOSED)
    spans.use(tracer)
    for _ in range(1_500):  # three sendings
        with spans.incoming("GET", None):
            pass
    began = time.monotonic()
    await spans.stop()
    assert time.monotonic() - began < END_S
    heard = said(caplog)
    assert heard
    assert len(heard) == len(set(heard))
    assert set(heard) <= {"traces_lost", "traces_not_sent"}


async def test_a_collector_that_refuses_costs_two_lines(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One when spans begin to be lost, one with their number when they are taken again."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(otlp, "_SEND_EVERY_MS", 20)
    collector.status = 400
    spans.start("intake", Settings(otlp_endpoint=collector.url))
    lost = 0
    while lost < 5 or "traces_lost" not in said(caplog):
        with spans.incoming("GET", None):
            lost += 1
        await asyncio.sleep(0.03)
    collector.status = 200
    while not collector.spans():
        with spans.incoming("GET", None):
            pass
        await asyncio.sleep(0.03)
    await spans.stop()
    heard = said(caplog)
    assert heard.index("traces_lost") < heard.index("traces_taken_again")
    assert heard.count("traces_taken_again") == 1
    assert len(heard) in (2, 3)  # the sender of the test before may still be ending, sooner or later than this one
    assert set(heard) == {"traces_lost", "traces_taken_again"}


async def test_a_collector_that_hangs_holds_nobody_up(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls go on at their speed, what waits is bounded, the end comes in time and says that something was lost."""
    monkeypatch.setattr(otlp, "_CLOSE_S", 0.5)
    collector.held.clear()
    tracer = Otlp("intake", collector.url)
    spans.use(tracer)
    slowest = 0.0
    for _ in range(2 * otlp._MOST_WAITING):
        began = time.monotonic()
        with spans.incoming("GET", None):
            pass
        slowest = max(slowest, time.monotonic() - began)
    (processor,) = tracer._provider._active_span_processor._span_processors
    assert len(processor._batch_processor._queue) <= otlp._MOST_WAITING  # type: ignore[attr-defined]
    assert slowest < 5.0  # a collector that hangs would hold each for its own time limit
    began = time.monotonic()
    await spans.stop()
    assert time.monotonic() - began < END_S
    assert "traces_not_sent" in said(caplog)
