"""The trace of a call: read strictly, carried on, and measured only where somebody asked for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from shared.tracing import spans
from shared.tracing.places import (
    TRACEPARENT,
    Place,
    here,
    new_place,
    place_in,
    place_named,
    place_of,
    trace_id,
    traceparent,
)
from shared.tracing.spans import Kind, Value

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"
KEPT = Place(TRACE, SPAN, is_sampled=True)


@dataclass
class Opened:
    """A span as the SDK would make it."""

    name: str
    kind: Kind
    parent: Place | None
    links: Sequence[Place]
    values: dict[str, Value]
    place: Place
    problem: str = ""
    is_over: bool = False

    def note(self, values: Mapping[str, Value]) -> None:
        self.values.update(values)

    def rename(self, name: str) -> None:
        self.name = name

    def fail(self, why: str) -> None:
        self.problem = why

    def end(self) -> None:
        self.is_over = True


@dataclass
class Notebook:
    """A tracer that keeps what it made."""

    made: list[Opened] = field(default_factory=list)

    def open(
        self, name: str, kind: Kind, parent: Place | None, links: Sequence[Place], values: Mapping[str, Value]
    ) -> Opened:
        fresh = new_place()
        place = Place(parent.trace_id if parent else fresh.trace_id, fresh.span_id, is_sampled=True)
        self.made.append(Opened(name, kind, parent, links, dict(values), place))
        return self.made[-1]

    async def close(self) -> None: ...


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    """Tracing, on, into a notebook."""
    tracer, token = Notebook(), here.set(None)
    spans.use(tracer)
    yield tracer
    spans.use(None)
    here.reset(token)


def test_a_traceparent_as_the_standard_has_it() -> None:
    """Both flags; also of a later version, which may say more behind a dash."""
    assert place_in(GIVEN) == place_in(GIVEN.encode()) == KEPT
    assert place_in(f"00-{TRACE}-{SPAN}-00") == Place(TRACE, SPAN)
    assert place_in(f"cc-{TRACE}-{SPAN}-03-what comes".replace(" ", "_")) == KEPT
    assert KEPT.traceparent == GIVEN


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "",
        b"",
        "nonsense",
        GIVEN.upper(),
        f"{GIVEN}\n",
        f" {GIVEN}",
        f"{GIVEN}-more",
        f"{GIVEN}, {GIVEN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 300}",
        f"cc-{TRACE}-{SPAN}-01-\x1b[31m",
        GIVEN.replace("0", "٠"),
        GIVEN.encode() + b"\xff",
        b"\xff\x00",
    ],
)
def test_what_is_no_traceparent_is_ignored(malformed: str | bytes | None) -> None:
    """Nothing that somebody made up reaches a log, a record or a span."""
    assert place_in(malformed) is None


def test_a_record_with_two_has_none() -> None:
    """Anybody may have written the headers; other headers are not looked at, whatever they hold."""
    header = (TRACEPARENT, GIVEN.encode())
    assert place_of([("x", b"\xff"), header, ("y", None)]) == KEPT
    assert place_of([header, header]) is None
    assert place_of([(TRACEPARENT, None)]) is None


def test_what_time_brought_about_has_one_trace_everywhere() -> None:
    """Named after itself: the same on each replica and in each replay, another one for another thing."""
    one, other = place_named("missing-report:2024-11-18:64.72#1"), place_named("missing-report:2024-11-18:64.72#2")
    assert one == place_named("missing-report:2024-11-18:64.72#1") != other
    assert place_in(one.traceparent) == one


def test_off_nothing_is_measured_and_the_trace_goes_on() -> None:
    """A block belongs to its trace; afterwards everything is as before."""
    before = here.get()
    with spans.incoming("POST", KEPT) as span:
        assert (trace_id(), traceparent()) == (TRACE, f"00-{TRACE}-{SPAN}-00")  # whoever is behind us kept nothing
        span.note({"x": 1})
        with spans.span("inner", parent=Place("1" * 32, SPAN)):
            assert trace_id() == "1" * 32
        assert trace_id() == TRACE
    assert here.get() is before
    assert spans.by_chance(place_named("x")) == place_named("x")
    with spans.incoming("POST", None):
        assert place_in(traceparent()) is not None


def test_spans_are_below_each_other(notebook: Notebook) -> None:
    """Below the caller's, each below the one around it; what is caused carries the innermost."""
    with spans.incoming("POST", KEPT) as outer, spans.span("publish", Kind.PRODUCER, values={"a": 1}) as inner:
        outer.rename("POST /v1/reports")
        inner.note({"b": 2})
        carried = traceparent()
    server, producer = notebook.made
    assert (server.name, server.kind, server.parent) == ("POST /v1/reports", Kind.SERVER, KEPT)
    assert (producer.name, producer.parent, producer.values) == ("publish", server.place, {"a": 1, "b": 2})
    assert carried == producer.place.traceparent
    assert server.is_over
    assert producer.is_over


def test_an_exception_passes_and_is_noted(notebook: Notebook) -> None:
    """By its type alone: its words may quote what somebody sent."""
    with pytest.raises(ValueError, match="secret"), spans.incoming("POST", None):
        raise ValueError("secret")
    (span,) = notebook.made
    assert (span.problem, span.is_over) == ("ValueError", True)


def test_a_stranger_does_not_decide_what_is_kept(notebook: Notebook) -> None:
    """Our share alone does, whatever the caller's flag; what is not kept at the edge is kept nowhere behind it."""
    spans.use(notebook, share=0.0)
    with spans.incoming("POST", KEPT), spans.span("publish"):
        assert traceparent() == f"00-{TRACE}-{SPAN}-00"
    assert notebook.made == []
    assert not spans.by_chance(place_named("x")).is_sampled
    spans.use(notebook, share=1.0)
    with spans.incoming("POST", Place(TRACE, SPAN)):
        pass
    assert len(notebook.made) == 1
    assert spans.by_chance(place_named("x")).is_sampled


def test_a_share_is_about_that(notebook: Notebook) -> None:
    """One in four, of calls and of what time brings about."""
    spans.use(notebook, share=0.25)
    for _ in range(2000):
        with spans.incoming("GET", None):
            pass
    named = sum(spans.by_chance(place_named(str(n))).is_sampled for n in range(2000))
    assert 350 < len(notebook.made) < 650
    assert 350 < named < 650


def test_a_batch_names_some_of_its_causes(notebook: Notebook) -> None:
    """Below the first that is kept; of the others, each once, no more than the bound, so that a span stays small."""
    kept = [Place(f"{n:032x}", SPAN, is_sampled=True) for n in range(1, 100)]
    below, links = spans.causes([None, Place(TRACE, SPAN), *kept, *kept])
    assert below == kept[0]
    assert links == kept[1 : 1 + spans.MOST_LINKS]
    assert spans.causes([None, Place(TRACE, SPAN)]) == (Place(TRACE, SPAN), [])
    assert spans.causes([None])[1] == []
    with spans.span("fold", links=kept):
        pass
    assert notebook.made == []  # nothing around it is kept
    with spans.span("fold", parent=below, links=kept):
        pass
    assert len(notebook.made[0].links) == spans.MOST_LINKS


def test_off_the_sdk_is_not_imported() -> None:
    """It costs memory and start-up, which those without a collector shall not pay. FastAPI imports the rest."""
    program = """
import sys
import services.intake.app, services.aggregator.app, services.notifier.app
from shared.http import serve
from shared.settings import Settings
from shared.tracing import spans
spans.start("intake", Settings())
away = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "shared.tracing.otlp")
print([name for name in sys.modules if name.startswith(away)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
