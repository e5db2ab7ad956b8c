"""The events that benchmarks run on: weekly reports of made-up regencies; and whom a benchmark never needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from shared.events.codec import encode
from shared.events.report import Condition, ReportData, ReportEvent
from shared.records import Look, Position, Record

_BEGIN = datetime(2024, 11, 18, 1, tzinfo=UTC)


def report_records(count: int, regencies: int, first_offset: int = 0) -> list[Record]:
    """`count` records of reports over so many regencies, in one partition, with fresh ids from `first_offset` on."""
    offsets = range(first_offset, first_offset + count)
    codes = [f"64.{i % regencies % 99 + 1:02d}" for i in range(count)]
    return [report_record(n, code, Position("desk.reports", 0, n)) for n, code in zip(offsets, codes, strict=True)]


def report_record(n: int, region: str, position: Position) -> Record:
    """The n-th report, under its regency's code."""
    return Record(position, region[:5].encode(), encode(report(n, region)))


def report(n: int, region: str) -> ReportEvent:
    """The n-th report, a millisecond after the one before it."""
    at = _BEGIN + timedelta(milliseconds=n)
    return ReportEvent(
        id=f"bench-{n}",
        source="/agencies/bench",
        subject=region,
        time=at,
        receivedat=at,
        contenthash="0" * 64,
        data=ReportData(period=date(2024, 11, 18), condition=Condition.NORMAL, summary="Aman dan terkendali."),
    )


class NoLog:
    """A log that nobody asks: the guard has nothing to verify on a fresh database."""

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        return [Look(0, None) for _ in positions]


class NoLetters:
    async def publish(self, *_record: object) -> Position:
        raise AssertionError("no record here is bad")
