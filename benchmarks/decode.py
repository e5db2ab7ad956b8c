"""Raw records to sightings, beside pydantic validating the same bytes and nothing else."""

from __future__ import annotations

from pydantic import TypeAdapter

from benchmarks.events import report_records
from benchmarks.measure import Path, compare, table
from shared.events.report import ReportEvent
from shared.exactly_once.sightings import read_records

EVENTS = 5_000


async def main() -> str:
    """The table of this path."""
    records = report_records(EVENTS, 10)
    adapter = TypeAdapter(ReportEvent)

    async def limit() -> None:
        for record in records:
            adapter.validate_json(record.value)

    async def ours() -> None:
        sightings, bad = read_records(records)
        assert len(sightings) == EVENTS
        assert not bad

    paths = [Path("limit: validate_json alone", limit), Path("read_records", ours)]
    return table("Raw records to sightings", await compare(paths, EVENTS))
