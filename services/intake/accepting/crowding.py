"""A place for somebody, or what whoever finds none is told."""

from __future__ import annotations

from contextlib import AbstractContextManager

from services.intake.accepting.places import Full, Places
from shared.http.problems import Problem
from shared.metrics import Metrics


def place_in(places: Places, agency: str, size: int, metrics: Metrics) -> AbstractContextManager[None]:
    """A place for `size` bytes of an agency, to be entered at once. Raises Problem as `refuse_if_full` does."""
    refuse_if_full(places, agency, size, metrics)
    return places.hold(agency, size)


def refuse_if_full(places: Places, agency: str, size: int, metrics: Metrics) -> None:
    """Raises Problem 429 where the agency has its share already, 503 where nothing is left for anybody."""
    full = places.why_not(agency, size)
    if full is None:
        return
    metrics.turned_away.labels(full.value).inc()
    if full is Full.SHARE:
        raise Problem(429, "too_many_requests", "too_many_at_once", retry_after_s=1)
    raise Problem(503, "unavailable", "unavailable_busy")
