"""The demo's last word: it agrees only if everything does."""

from dataclasses import replace
from datetime import date
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from desk.demo.expected import Expected, expect
from desk.demo.scenario import load_scenario
from desk.demo.screen import Screen
from desk.demo.seen import Seen
from desk.demo.summary import all_agree, rows
from desk.demo.texts import text
from shared.election.loaded import DEFAULT_ROSTER, load_calendar
from shared.settings import Settings

FIRST, SECOND = date(2024, 11, 11), date(2024, 11, 18)
CALENDAR = load_calendar(Settings().election, DEFAULT_ROSTER, FIRST)
EXPECTED: Expected = expect(load_scenario(), CALENDAR, "desk")
LATE = "missing-report:2024-11-18:64.08"


def missing_alert(region: str, period: str = "2024-11-18") -> dict[str, Any]:
    alert_id = f"missing-report:{period}:{region}"
    is_late = alert_id == LATE
    return {
        "id": alert_id,
        "rule": "missing-report",
        "region": region,
        "period": period,
        "state": "resolved" if is_late else "firing",
        "resolution": "reported_late" if is_late else None,
        "details": {},
    }


def violation_alert(alert_id: str, *, occurred: bool, reported: bool) -> dict[str, Any]:
    details = {"occurred_in_quiet_period": occurred, "reported_in_quiet_period": reported}
    return {
        "id": alert_id,
        "rule": "quiet-period-violation",
        "region": "64.72",
        "period": None,
        "state": "acknowledged" if alert_id in EXPECTED.acknowledged else "firing",
        "resolution": None,
        "details": details,
    }


def other_alert(alert_id: str, resolution: str | None = None) -> dict[str, Any]:
    return {
        "id": alert_id,
        "rule": alert_id.partition(":")[0],
        "region": "64.11",
        "period": None,
        "state": "resolved" if resolution else "firing",
        "resolution": resolution,
        "details": {},
    }


def others() -> list[dict[str, Any]]:
    warnings = [other_alert(alert, resolution) for alert, resolution in EXPECTED.warnings.items()]
    return [*warnings, *map(other_alert, EXPECTED.failing)]


def as_expected() -> Seen:
    violations = (violation_alert(a, occurred=f.occurred, reported=f.reported) for a, f in EXPECTED.violations.items())
    incidents = ((f"i{n}", category) for category, count in EXPECTED.categories.items() for n in range(count))
    return Seen(
        accepted=EXPECTED.accepted,
        repeated=EXPECTED.repeated,
        refused=EXPECTED.refused,
        counted=EXPECTED.accepted,
        alerts=(*(missing_alert(r) for r in ("64.72", "64.08", "64.07")), *violations, *others()),
        verdicts=EXPECTED.verdicts,
        incidents=tuple(incidents),
        totals=EXPECTED.totals,
        told=frozenset(telling.key for telling in EXPECTED.tellings),
        bad_signatures=0,
        repeated_notices=0,
        notifier_restarts=0,
    )


def agrees(seen: Seen) -> bool:
    return all_agree(rows(EXPECTED, seen, CALENDAR.roster.name))


SEEN = as_expected()
FIRING_LATE = tuple({**a, "state": "firing", "resolution": None} if a["id"] == LATE else a for a in SEEN.alerts)
RETRACTED = tuple({**a, "resolution": "delivered_late"} if a["id"] == LATE else a for a in SEEN.alerts)
OTHER_FLAGS = violation_alert("quiet-period-violation:desk:pel-apk-1128", occurred=True, reported=True)
BOTH_FLAGS = (*(a for a in SEEN.alerts if a["id"] != OTHER_FLAGS["id"]), OTHER_FLAGS)
TOO_MANY = violation_alert("quiet-period-violation:desk:pel-apk-1114", occurred=False, reported=False)
NOBODY_TOOK_IT = tuple({**a, "state": "firing"} if a["state"] == "acknowledged" else a for a in SEEN.alerts)
D3 = "logistics:64.11:D-3"
STILL_LACKING = tuple({**a, "state": "firing", "resolution": None} if a["id"] == D3 else a for a in SEEN.alerts)
NOT_WARNED = tuple(a for a in SEEN.alerts if a["id"] != D3)
NOBODY_FAILS = tuple(a for a in SEEN.alerts if a["rule"] != "receiver-failing")
NOT_ESCALATED = SEEN.told - {key for key in SEEN.told if key[2] == "escalated"}
SYSTEM = {**missing_alert("system"), "id": "cannot-evaluate:2024-11-18", "rule": "cannot-evaluate"}


def test_agreement() -> None:
    """What was expected is agreed to, every claim of it."""
    assert agrees(SEEN)


def test_a_restarted_notifier_may_repeat() -> None:
    """One notice may come twice for each time the notifier died, under the same id."""
    assert agrees(replace(SEEN, repeated_notices=1, notifier_restarts=1))


@pytest.mark.parametrize(
    "seen",
    [
        replace(SEEN, accepted=SEEN.accepted - {"lap-6472-1111"}),
        replace(SEEN, repeated=frozenset()),
        replace(SEEN, refused=frozenset()),
        replace(SEEN, refused=SEEN.refused | {"lap-6472-1111"}),
        replace(SEEN, counted=SEEN.counted - {"lap-6472-1111"}),
        replace(SEEN, counted=SEEN.counted | EXPECTED.refused),
        replace(SEEN, alerts=SEEN.alerts[1:]),
        replace(SEEN, alerts=SEEN.alerts[:-1]),
        replace(SEEN, alerts=(*SEEN.alerts, missing_alert("64.01"))),
        replace(SEEN, alerts=(*SEEN.alerts, missing_alert("64.01", "2024-11-11"))),
        replace(SEEN, alerts=(*SEEN.alerts, missing_alert("64.01", "2024-12-02"))),
        replace(SEEN, alerts=FIRING_LATE),
        replace(SEEN, alerts=RETRACTED),
        replace(SEEN, alerts=BOTH_FLAGS),
        replace(SEEN, alerts=(*SEEN.alerts, TOO_MANY)),
        replace(SEEN, alerts=(*SEEN.alerts, SYSTEM)),
        replace(SEEN, alerts=NOBODY_TOOK_IT),
        replace(SEEN, alerts=STILL_LACKING),
        replace(SEEN, alerts=NOT_WARNED),
        replace(SEEN, alerts=(*SEEN.alerts, other_alert("logistics:64.72:D-3", "received"))),
        replace(SEEN, alerts=NOBODY_FAILS),
        replace(SEEN, told=NOT_ESCALATED),
        replace(SEEN, told=SEEN.told | {("kepala-desk", LATE, "escalated")}),
        replace(SEEN, verdicts={**SEEN.verdicts, SECOND: {**SEEN.verdicts[SECOND], "64.72": "pending"}}),
        replace(SEEN, verdicts={}),
        replace(SEEN, incidents=SEEN.incidents[1:]),
        replace(SEEN, incidents=(*SEEN.incidents, SEEN.incidents[0])),
        replace(SEEN, totals={**SEEN.totals, "reports": SEEN.totals["reports"] + 1}),
        replace(SEEN, told=SEEN.told - {("desk-provinsi", LATE, "resolved")}),
        replace(SEEN, told=SEEN.told | {("desk-provinsi", "missing-report:2024-11-11:64.01", "raised")}),
        replace(SEEN, bad_signatures=1),
        replace(SEEN, repeated_notices=1),
        replace(SEEN, repeated_notices=2, notifier_restarts=1),
    ],
)
def test_any_difference(seen: Seen) -> None:
    """Whatever differs, in either direction, is a row that differs."""
    assert not agrees(seen)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_table_shows_everything(is_terminal: bool) -> None:
    """Names, not codes, of who is missing; and every claim with its mark."""
    out = StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=200)
    claims = rows(EXPECTED, replace(SEEN, bad_signatures=1), CALENDAR.roster.name)
    Screen(console).table(claims)
    shown = out.getvalue()
    for name in ("Kota Samarinda", "Kabupaten Kutai Timur", "Kabupaten Kutai Barat"):
        assert name in shown
    assert shown.count("✗") == 1
    assert "terjadi: ya, dilaporkan: tidak / occurred: yes, reported: no" in " ".join(shown.split())
    assert all(text(row.label, "en", about=row.about).split()[0] in shown for row in claims)
