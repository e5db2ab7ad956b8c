"""What is measured: spans. While tracing is off they are nothing: a name for a block, and the trace it belongs to.

`start` and `stop` are called by a process's composition, once. Whether a call from outside is kept is our own chance
alone: a stranger's word on it could fill the store, or hide. What comes out of Kafka or the database keeps the word
that was given at the edge.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import Enum
from typing import Protocol

from shared.settings import Settings
from shared.tracing.places import Place, here, new_place, unsampled

MOST_LINKS = 32  # of one span: a batch of thousands names the first so many calls that are kept

Value = str | int | float | bool


class Kind(Enum):
    """What a span is, in OpenTelemetry's words."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """A span under way. No free text of an event, no name of a person, no address may become a value."""

    def note(self, values: Mapping[str, Value]) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, why: str) -> None: ...


class OpenSpan(Span, Protocol):
    """A span as the exporter's side gives it."""

    place: Place

    def end(self) -> None: ...


class Tracer(Protocol):
    """Makes spans and sends them somewhere."""

    def open(
        self, name: str, kind: Kind, parent: Place | None, links: Sequence[Place], values: Mapping[str, Value]
    ) -> OpenSpan: ...

    async def close(self) -> None: ...


class _Nothing:
    def note(self, values: Mapping[str, Value]) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, why: str) -> None: ...


_NOTHING = _Nothing()
_tracer: Tracer | None = None
_share = 0.0


def start(service: str, settings: Settings) -> None:
    """Trace from now on, if the settings say where to."""
    if settings.otlp_endpoint is not None:
        from shared.tracing.otlp import Otlp  # nobody else needs the SDK

        use(Otlp(service, settings.otlp_endpoint), settings.trace_share)


def use(tracer: Tracer | None, share: float = 1.0) -> None:
    """Trace with this tracer, or not at all."""
    global _tracer, _share
    _tracer, _share = tracer, share


def are_made() -> bool:
    """Whether tracing is on."""
    return _tracer is not None


async def stop() -> None:
    """Send what is left, within a few seconds; what cannot be sent by then is lost."""
    if _tracer is not None:
        await _tracer.close()


def span(
    name: str,
    kind: Kind = Kind.INTERNAL,
    *,
    parent: Place | None = None,
    links: Iterable[Place] = (),
    values: Mapping[str, Value] | None = None,
) -> AbstractContextManager[Span]:
    """A block that is measured, below `parent` or below what is being done now. An exception passes and is noted."""
    place = parent or here.get() or new_place()
    if _tracer is None or not place.is_sampled:
        return _Within(place)
    return _Measured(_tracer.open(name, kind, place, list(links)[:MOST_LINKS], values or {}))


def incoming(name: str, caller: Place | None) -> AbstractContextManager[Span]:
    """The block that answers a call from outside, in its caller's trace if it names one."""
    if _tracer is not None and random.random() < _share:  # noqa: S311 - which calls are kept is no secret
        return _Measured(_tracer.open(name, Kind.SERVER, caller, (), {}))
    return _Within(unsampled(caller or new_place()))


def by_chance(place: Place) -> Place:
    """Of what nobody outside caused: kept as often as a call is, and on each replica if on one."""
    is_kept = _tracer is not None and int(place.trace_id[:8], 16) < _share * 2**32
    return replace(place, is_sampled=True) if is_kept else place


def causes(places: Iterable[Place | None]) -> tuple[Place, list[Place]]:
    """Of all that caused a batch: the place that the batch is below (the first that is kept, else the first), and the
    other kept ones, each once, as links."""
    if _tracer is None:
        return next(filter(None, places), None) or new_place(), []
    first: Place | None = None
    kept: dict[Place, None] = {}
    for place in places:
        first = first or place
        if place is not None and place.is_sampled:
            kept[place] = None
            if len(kept) > MOST_LINKS:
                break
    below, *links = kept or (first or new_place(),)
    return below, links


class _Within:
    """A block that belongs to a trace. (No generator: around each call and each step, that would be felt.)"""

    __slots__ = ("_place", "_token")

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> Span:
        self._token = here.set(self._place)
        return _NOTHING

    def __exit__(self, *_error: object) -> None:
        here.reset(self._token)


class _Measured:
    __slots__ = ("_opened", "_token")

    def __init__(self, opened: OpenSpan) -> None:
        self._opened = opened

    def __enter__(self) -> Span:
        self._token = here.set(self._opened.place)
        return self._opened

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        here.reset(self._token)
        if kind is not None:
            self._opened.fail(kind.__name__)
        self._opened.end()
