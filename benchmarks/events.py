"""The events that benchmarks run on: weekly reports of made-up regencies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from shared.events.codec import encode
from shared.events.report import Condition, ReportData, ReportEvent
from shared.records import Position, Record

_BEGIN = datetime(2024, 11, 18, 1, tzinfo=UTC)


def report_records(count: int, regencies: int, first_offset: int = 0) -> list[Record]:
    """`count` records of reports over so many regencies, in one partition, with fresh ids from `first_offset` on."""
    return [_record(first_offset + i, f"64.{i % regencies % 99 + 1:02d}") for i in range(count)]


def _record(offset: int, region: str) -> Record:
    at = _BEGIN + timedelta(milliseconds=offset)
    event = ReportEvent(
        id=f"bench-{offset}",
        source="/agencies/bench",
        subject=region,
        time=at,
        receivedat=at,
        contenthash="0" * 64,
        data=ReportData(period=date(2024, 11, 18), condition=Condition.NORMAL, summary="Aman dan terkendali."),
    )
    return Record(Position("desk.reports", 0, offset), region.encode(), encode(event))
