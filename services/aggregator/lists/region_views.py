"""Regions as the API shows them, in two queries for any number of them."""

from __future__ import annotations

from collections.abc import Sequence

from services.aggregator import views
from services.aggregator.store import Store
from shared.election.calendar import Calendar
from shared.election.roster import Region, level_of
from shared.mongo import Document


async def region_views(calendar: Calendar, store: Store, regions: Sequence[Region]) -> list[Document]:
    documents, totals = await store.regions([r.code for r in regions])
    latest = await store.latest_reports(documents.values())
    return [views.region(calendar, r, documents.get(r.code), latest.get(r.code), totals[r.code]) for r in regions]


def departed(code: str) -> Region:
    """A region that has left the roster; its code is all that is known of it."""
    parent, _, _ = code.rpartition(".")
    return Region(code, parent or None, level_of(code), code)
