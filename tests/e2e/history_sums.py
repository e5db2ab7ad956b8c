"""What the aggregator must show for what is counted, worked out plainly, held against what it shows. Pure.

Each counted event must be in its list once, with what it said, be told with the event it speaks of, and count once in
its region and in every region above.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.comparing import unequal
from tests.e2e.history import Identity
from tests.e2e.history_contents import Content, mark_in
from tests.e2e.oracle import VIOLATIONS

Counted = Mapping[Identity, Content]
Item = Mapping[str, Any]
Counters = dict[str, Counter[str]]  # by region


@dataclass(frozen=True)
class Shown:
    """The aggregator's lists, whole."""

    regions: Sequence[Item]
    reports: Sequence[Item]
    incidents: Sequence[Item]
    logistics: Sequence[Item]


def wrong_sums(counted: Counted, shown: Shown) -> list[str]:
    """Every difference, in words."""
    own = _own(counted.values())
    known = [i for i in shown.incidents if i["category"] is not None]  # of the others only statuses have come
    stock = {f"{s['region']} {s['item']}": s["statements"] for s in shown.logistics}
    return [
        *unequal("own", own, _counters(shown.regions, "own")),
        *unequal("total", _rolled_up(own), _counters(shown.regions, "total")),
        *unequal("reports", _of_kind(counted, "report"), _listed(shown.reports, "summary")),
        *unequal("incidents", _of_kind(counted, "incident"), _listed(known, "description")),
        *unequal("withdrawals", _spoken(counted, "withdrawal"), _told_with(shown.reports, "withdrawals")),
        *unequal("statuses", _spoken(counted, "incident_status"), _told_with(shown.incidents, "history")),
        *unequal("logistics", _statements(counted.values()), stock),
    ]


def _own(counted: Iterable[Content]) -> Counters:
    """Of each region that has sent something that is counted by number."""
    own: Counters = defaultdict(Counter)
    for content in counted:
        own[content.region].update(_raised(content))
    return {code: counters for code, counters in own.items() if counters}


def _raised(content: Content) -> list[str]:
    """The counters that one content raises by one."""
    body = content.body
    match content.kind:
        case "report":
            return ["reports", f"condition {body['condition']}"]
        case "withdrawal":
            return ["withdrawals"]
        case "incident":
            violation = ["violations"] if body["category"] in VIOLATIONS else []
            return ["incidents", f"category {body['category']}", f"severity {body['severity']}", *violation]
        case _:
            return []


def _rolled_up(own: Counters) -> Counters:
    """Each region with everything below it."""
    totals: Counters = defaultdict(Counter)
    for code, counters in own.items():
        parts = code.split(".")
        for n in range(len(parts)):
            totals[".".join(parts[: n + 1])].update(counters)
    return dict(totals)


def _counters(regions: Iterable[Item], which: str) -> Counters:
    """`own` or `total` of each region, zeros left out."""
    found = {region["code"]: _shown_of(region[which]) for region in regions}
    return {code: counters for code, counters in found.items() if counters}


def _shown_of(state: Item) -> Counter[str]:
    counters = {
        "reports": state["reports"]["count"],
        "withdrawals": state["withdrawals"],
        "incidents": state["incidents"]["count"],
        "violations": state["violations"],
        **{f"condition {name}": n for name, n in state["reports"]["by_condition"].items()},
        **{f"category {name}": n for name, n in state["incidents"]["by_category"].items()},
        **{f"severity {name}": n for name, n in state["incidents"]["by_severity"].items()},
    }
    return Counter({name: n for name, n in counters.items() if n})


def _of_kind(counted: Counted, kind: str) -> dict[Identity, list[str]]:
    return {identity: [content.mark] for identity, content in counted.items() if content.kind == kind}


def _listed(items: Iterable[Item], text: str) -> dict[Identity, list[str]]:
    """The marks in the texts that are listed under each identity."""
    found: dict[Identity, list[str]] = defaultdict(list)
    for item in items:
        found[item["agency"], item["id"]].append(mark_in(item[text]))
    return found


def _spoken(counted: Counted, kind: str) -> dict[Identity, list[Identity]]:
    """The events that speak of each identity."""
    found: dict[Identity, list[Identity]] = defaultdict(list)
    for (agency, event_id), content in sorted(counted.items()):
        if content.kind == kind:
            told = content.addressed
            about = told.get("incident_agency", agency), told.get("incident_id") or told["report"]
            found[about].append((agency, event_id))
    return found


def _told_with(items: Iterable[Item], where: str) -> dict[Identity, list[Identity]]:
    """The events that are told with each identity; an incident's history tells the incident itself too."""
    found: dict[Identity, list[Identity]] = {}
    for item in items:
        told = sorted((entry["by"], entry["id"]) for entry in item[where] if entry.get("status") != "reported")
        if told:
            found[item["agency"], item["id"]] = told
    return found


def _statements(counted: Iterable[Content]) -> dict[str, int]:
    return Counter(f"{c.region} {c.body['item']}" for c in counted if c.kind == "logistics")
