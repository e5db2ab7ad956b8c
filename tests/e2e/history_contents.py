"""What the clients of the history test say: seeded contents of each kind, each with a mark of its own. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

# The run's clock stands here when it begins.
BEGIN = "2024-11-18T09:00:00+08:00"
PERIODS = ("2024-11-11", "2024-11-18")
CONDITIONS = ("normal", "attention", "critical")
CATEGORIES = ("campaigning", "money_politics", "security", "logistics", "voting_rights", "other")
SEVERITIES = ("low", "medium", "high", "critical")
STATUSES = ("verified", "dismissed", "forwarded", "resolved")
ITEMS = ("ballot_boxes", "ballots", "ink", "seals")
TYPES = {
    "report": "desk.report.v1",
    "withdrawal": "desk.report-withdrawal.v1",
    "incident": "desk.incident.v1",
    "incident_status": "desk.incident-status.v1",
    "logistics": "desk.logistics.v1",
}
_MARK = re.compile(r"~([a-z0-9.]+)~")


@dataclass(frozen=True)
class Content:
    """All that a sender says besides agency and id. `mark` stands in its text, and nowhere else in the run; `path`
    is where it is posted, `addressed` the fields that stand in the path."""

    mark: str
    kind: str
    path: str
    body: Mapping[str, Any]
    addressed: Mapping[str, str] = field(default_factory=dict)

    @property
    def region(self) -> str:
        return str(self.body["region"])

    @property
    def type(self) -> str:
        return TYPES[self.kind]

    def payload(self, event_id: str) -> bytes:
        return json.dumps({"id": event_id, **self.body}).encode()

    def line(self, event_id: str) -> bytes:
        """As a line of a batch."""
        return json.dumps({"kind": self.kind, "id": event_id, **self.addressed, **self.body}).encode()

    def is_said_by(self, event: Mapping[str, Any]) -> bool:
        """Whether an event of the log says all of it, field by field."""
        said = {**self.body, **self.addressed}
        region = said.pop("region")
        return (event["type"], event["subject"]) == (self.type, region) and said.items() <= event["data"].items()


def mark_in(text: str) -> str:
    """The mark in a text; the whole text if there is none."""
    found = _MARK.search(text)
    return found[1] if found else text


class Earlier(NamedTuple):
    """An earlier event that another one speaks of."""

    agency: str
    id: str
    content: Content


Maker = Callable[[Random, str, str, Earlier | None], Content]


def report(chosen: Random, mark: str, region: str, about: Earlier | None) -> Content:
    """`about` is the agency's own earlier report that it corrects, of the same region and period."""
    body = {
        "region": region,
        "condition": chosen.choice(CONDITIONS),
        "summary": f"Aman terkendali. ~{mark}~",
        "period": chosen.choice(PERIODS),
    }
    corrected = (
        {**{name: about.content.body[name] for name in ("region", "period")}, "replaces": about.id} if about else {}
    )
    return Content(mark, "report", "/v1/reports", {**body, **corrected})


def withdrawal(chosen: Random, mark: str, region: str, about: Earlier | None) -> Content:
    """Of the report `about`. The period helps where intake does not know that one."""
    assert about is not None
    body = {**about.content.body, "reason": f"Salah wilayah. ~{mark}~"}
    told = {name: body[name] for name in ("region", "period", "reason")}
    return Content(mark, "withdrawal", f"/v1/reports/{about.id}/withdraw", told, {"report": about.id})


def incident(chosen: Random, mark: str, region: str, about: Earlier | None) -> Content:
    body = {
        "region": region,
        "category": chosen.choice(CATEGORIES),
        "occurred_at": f"2024-11-17T{chosen.randrange(24):02}:30:00Z",
        "description": f"Dilaporkan warga. ~{mark}~",
        "severity": chosen.choice(SEVERITIES),
    }
    return Content(mark, "incident", "/v1/incidents", body)


def status(chosen: Random, mark: str, region: str, about: Earlier | None) -> Content:
    """Of the incident `about`, or of one that nobody has sent: an orphan."""
    agency, incident_id, region = (about.agency, about.id, about.content.region) if about else ("x", "none", region)
    body = {"region": region, "status": chosen.choice(STATUSES), "note": f"Sudah dicek. ~{mark}~"}
    addressed = {"incident_agency": agency, "incident_id": incident_id}
    return Content(mark, "incident_status", f"/v1/incidents/{agency}/{incident_id}/status", body, addressed)


def logistics(chosen: Random, mark: str, region: str, about: Earlier | None) -> Content:
    body = {
        "region": region,
        "item": chosen.choice(ITEMS),
        "required": 300,
        "received": chosen.randrange(301),
        "as_of": f"2024-11-17T{chosen.randrange(24):02}:00:00Z",
        "source_office": f"Gudang ~{mark}~",
    }
    return Content(mark, "logistics", "/v1/logistics", body)


MAKERS: Mapping[str, Maker] = {
    "report": report,
    "withdrawal": withdrawal,
    "incident": incident,
    "incident_status": status,
    "logistics": logistics,
}
# Which kind of event another kind speaks of.
SPEAKS_OF = {"report": "report", "withdrawal": "report", "incident_status": "incident"}
