"""The reports in force, asked of the database: of nearly every region the newest one, which stands in its document; of
a region whose newest was withdrawn, the newest of those that were not. Raises DatabaseError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.aggregator.state import recent_reports
from services.aggregator.state.recent_reports import Report
from shared.mongo import Collection, Document, aggregate, below


async def reports_in_force(reports: Collection, regions: Iterable[Mapping[str, Any]]) -> dict[str, Report]:
    """By region, `period`, `received_at`, `agency`, `id` and `condition` of the report in force, given documents of
    regions; those without one are left out."""
    newest = {d["_id"]: recent_reports.newest_of(d.get("own") or {}) for d in regions}
    known = {code: report for code, report in newest.items() if report is not None}
    holding = {code: report for code, report in known.items() if not report["is_withdrawn"]}
    return {**holding, **await reports_left(reports, known.keys() - holding.keys())}


async def reports_left(reports: Collection, codes: Iterable[str]) -> dict[str, Report]:
    """The same, of regions whose newest report was withdrawn."""
    wanted = sorted(codes)
    if not wanted:
        return {}
    return {row["_id"]: row["newest"] async for row in aggregate(reports, newest_left(wanted))}


def newest_left(codes: list[str]) -> list[Document]:
    """The pipeline of `reports_left`. It looks at all reports of these few regions."""
    # In the order in which reports are ranked: MongoDB compares documents field by field.
    report = {field: f"${field}" for field in ("period", "received_at", "agency", "id", "condition")}
    wanted: Document = {"region": {"$in": codes}, "is_withdrawn": False}
    return [{"$match": wanted}, {"$group": {"_id": "$region", "newest": {"$max": report}}}]


def conditions_of(code: str) -> list[Document]:
    """The pipeline of `Store.conditions`: by level and condition of the newest report, condition null and the regions'
    codes where that was withdrawn."""
    withdrawn = {"$last": "$own.recent_reports.is_withdrawn"}
    condition = {"$cond": [withdrawn, None, {"$last": "$own.recent_reports.condition"}]}
    group = {
        "_id": {"level": "$level", "condition": condition},
        "count": {"$sum": 1},
        "withdrawn": {"$push": {"$cond": [withdrawn, "$_id", "$$REMOVE"]}},
    }
    return [{"$match": {"_id": below(code), "own.recent_reports.0": {"$exists": True}}}, {"$group": group}]
