"""One submission as an agency sends it, and what the rules make of it once it is accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tests.e2e.oracle import Accepted

AGENCY = "desk"  # whose key the stack gives us
PATHS = {
    "report": "/v1/reports",
    "incident": "/v1/incidents",
    "withdrawal": "/v1/reports/{about}/withdraw",
    "status": f"/v1/incidents/{AGENCY}/{{about}}/status",
}
ACCEPTED = frozenset({202})
# A conflict is refused where it is known; one that slips through is accepted and counted once.
CONFLICT = frozenset({409, 202})
REFUSED = frozenset({400, 422})


@dataclass(frozen=True)
class Submission:
    """`at` is the instant of receipt: the harness lets the clock stand there. `raw` replaces the body's JSON."""

    at: datetime
    kind: str
    body: dict[str, Any]
    expected: frozenset[int] = ACCEPTED
    raw: bytes | None = None
    id_in_header: bool = False
    about: str = ""  # the id of the report or the incident that it speaks of

    @property
    def id(self) -> str:
        return str(self.body.get("id", ""))

    @property
    def path(self) -> str:
        return PATHS[self.kind].format(about=self.about)

    def payload(self) -> tuple[bytes, dict[str, str]]:
        """Body and headers."""
        if self.raw is not None:
            return self.raw, {}
        if not self.id_in_header:
            return json.dumps(self.body).encode(), {}
        body = {name: value for name, value in self.body.items() if name != "id"}
        return json.dumps(body).encode(), {"Idempotency-Key": self.id}

    def accepted(self, agency: str) -> Accepted:
        """As the oracle takes it."""
        body = self.body
        return Accepted(
            agency=agency,
            id=self.id,
            kind=self.kind,
            region=body["region"],
            received_at=self.at,
            content=body,
            period=date.fromisoformat(body["period"]) if "period" in body else None,
            submitted_at=_instant(body.get("submitted_at")),
            category=body.get("category", ""),
            occurred_at=_instant(body.get("occurred_at")),
            about=(agency, self.about),
            status=body.get("status", ""),
        )


def report(at: datetime, region: str, event_id: str, **more: Any) -> Submission:
    body = {"id": event_id, "region": region, "condition": "normal", "summary": "Aman terkendali."}
    return Submission(at, "report", {**body, **_as_text(more)})


def incident(
    at: datetime, region: str, event_id: str, category: str, occurred_at: datetime, **more: Any
) -> Submission:
    body = {"id": event_id, "region": region, "category": category, "description": "Dilaporkan warga."}
    return Submission(at, "incident", {**body, **_as_text({"occurred_at": occurred_at, **more})})


def withdrawal(at: datetime, region: str, event_id: str, about: str, period: date) -> Submission:
    """`period` tells where the report stands, also while nobody can look it up."""
    body = {"id": event_id, "region": region, "reason": "Salah kirim.", "period": period.isoformat()}
    return Submission(at, "withdrawal", body, about=about)


def status(at: datetime, region: str, event_id: str, about: str, status: str) -> Submission:
    """Of an incident of the agency's own."""
    body = {"id": event_id, "region": region, "status": status, "note": "Hasil kajian."}
    return Submission(at, "status", body, about=about)


def _as_text(values: dict[str, Any]) -> dict[str, Any]:
    return {name: v.isoformat() if isinstance(v, date) else v for name, v in values.items()}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
