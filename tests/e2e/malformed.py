"""Submissions that must be refused: each breaks one thing of a sound report or incident."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

from tests.e2e.submissions import REFUSED, Submission, incident, report

REPORT_FAULTS: tuple[dict[str, Any], ...] = (
    {"condition": "splendid"},
    {"condition": None},
    {"summary": "nul\x00"},
    {"summary": "bidi \u202e override"},
    {"summary": "x" * 70_000},
    {"region": "99.99"},
    {"region": 6472},
    {"period": "2024-11-12"},
    {"period": "next monday"},
    {"submitted_at": "2024-11-11T08:00:00"},
    {"submitted_at": "1969-12-31T23:59:59Z"},
    {"submitted_at": "2100-01-01T00:00:00Z"},
    {"urgent": True},
    {"id": "no spaces, please"},
    {"id": "x" * 65},
)
INCIDENT_FAULTS: tuple[dict[str, Any], ...] = (
    {"category": "jaywalking"},
    {"occurred_at": "2024-11-11T08:00:00"},
    {"occurred_at": "yesterday"},
    {"occurred_at": "1970-01-01T00:00:00Z"},
    {"occurred_at": "2099-01-01T00:00:00Z"},
    {"evidence": [{"url": "javascript:alert(1)"}]},
    {"polling_station": 7},
    {"description": {"$gt": ""}},
)
RAW = (
    b"",
    b"not json",
    b"[]",
    b'{"id": "raw", "region": NaN, "condition": "normal", "summary": "s"}',
    b'{"id": "raw", "region": "64", "condition": "normal", "summary": "\\ud800"}',
    b'{"id": "raw", "region": "64", "region": "64", "condition": "normal", "summary": "twice"}',
    b'{"id": "raw", "region": "64", "condition": "normal", "summary": "\xff"}',
)


def malformed(at: datetime, region: str) -> list[Submission]:
    """One of each. The one with 70,000 characters may be called too large."""
    reports = [_broken(report(at, region, f"bad-report-{n}"), fault) for n, fault in enumerate(REPORT_FAULTS)]
    sound = [incident(at, region, f"bad-incident-{n}", "campaigning", at) for n in range(len(INCIDENT_FAULTS))]
    incidents = [_broken(s, fault) for s, fault in zip(sound, INCIDENT_FAULTS, strict=True)]
    raw = [Submission(at, "report", {"id": f"raw-{n}"}, REFUSED, raw=text) for n, text in enumerate(RAW)]
    beyond = date(2024, 11, 11) + timedelta(weeks=(at.date() - date(2024, 11, 11)).days // 7 + 3)
    too_early = _broken(report(at, region, "bad-future"), {"period": beyond.isoformat()})
    return [*reports, *incidents, *raw, too_early]


def _broken(sound: Submission, fault: dict[str, Any]) -> Submission:
    body = {**sound.body, **fault}
    return Submission(sound.at, sound.kind, body, REFUSED | {413}, raw=json.dumps(body).encode())
