"""Every query of the aggregator's stores, really asked of some thousand documents: by the database's own account it
walks through no collection, sorts nothing in memory, and looks at little more than it returns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.aggregator.lists.queries import IncidentsQuery, LogisticsQuery, ReportsQuery
from services.aggregator.pages.page_store import PageStore
from services.aggregator.rollups.rollup_store import RollUpStore
from services.aggregator.store import After, Store
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.incident_status import IncidentStatus
from shared.events.verdict import Verdict
from shared.http.lists import AlertsQuery
from shared.mongo import decoded
from shared.settings import Settings
from shared.topics import ALERTS, INCIDENTS
from tests.builders import HASH, MONDAY, a_report, a_status, a_stock, a_withdrawal, an_incident, utc
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import a_verdict

AT = utc("2024-11-18 00:00")
SECOND = timedelta(seconds=1)
MONDAYS = [MONDAY + timedelta(days=7 * n) for n in range(-2, 4)]
ITEMS = ("ballot_boxes", "ballots", "ink", "seals")
QUIET = utc("2024-11-25 00:00")
# The few of a small region are the oldest: who walks through the newest to find them walks through all.
SMALL = "64.11.01"
WITHDRAWN = "r0"


def an_alert(n: int, region: str) -> AlertEvent:
    rule = ("missing-report", "quiet-period-violation")[n % 2]
    data = AlertData(
        alert=f"{rule}:{n}",
        rule=rule,
        revision=1,
        period=MONDAYS[n % 6] if n % 2 == 0 else None,
        state=AlertState.FIRING if n % 3 else AlertState.RESOLVED,
        raised_at=AT + n * SECOND,
        details={},
        history=(),
    )
    about: dict[str, Any] = {
        "source": "/notifier",
        "subject": region,
        "time": AT,
        "receivedat": AT,
        "contenthash": HASH,
    }
    return AlertEvent(id=f"{rule}:{n}#1", data=data, **about)


def happened(calendar: Calendar) -> list[Any]:
    """Some thousand events over all regions, the small one's first."""
    codes = sorted((r.code for r in calendar.roster if "." in r.code), key=lambda code: not code.startswith(SMALL))
    events: list[Any] = []
    for n, code in enumerate(codes):
        at = AT + n * SECOND
        events.append(a_report(at, region=code, event_id=f"r{n}", period=MONDAYS[n % 6]))
        category = "money_politics" if n % 4 == 0 else "security"
        events.append(an_incident(QUIET if n % 8 == 0 else at, at, region=code, event_id=f"i{n}", category=category))
        events.append(an_alert(n, code))
        if n % 30 == 0:
            events.append(a_withdrawal(at + SECOND, f"r{n}", region=code, event_id=f"w{n}", period=MONDAYS[n % 6]))
        if n % 10 == 0:
            said = {"event_id": f"s{n}", "incident_id": f"i{n}"}
            events.append(a_status(at + SECOND, IncidentStatus.RESOLVED, region=code, **said))
    for code in (c for c in codes if c.count(".") == 1):
        events += [a_stock(AT, region=code, event_id=f"l{code}{item}", item=item) for item in ITEMS]
    for n, code in enumerate(codes):
        events += [a_verdict(code, Verdict.ON_TIME if n % 3 else Verdict.MISSING, period=monday) for monday in MONDAYS]
    return events


@pytest.fixture(scope="module")
async def asked(mongo_url: str, calendar: Calendar) -> AsyncIterator[Bench]:
    settings = Settings(mongo=mongo_url, kafka="127.0.0.1:1")
    async with a_bench(settings, calendar) as made:
        await made.feed(*happened(calendar))
        yield made


class Account:
    """What the database says of the queries that were asked meanwhile."""

    def __init__(self, bench: Bench) -> None:
        self._database = bench.database

    async def of(self, ask: Callable[[], Awaitable[Any]]) -> list[dict[str, Any]]:
        await self._database.command({"profile": 0})
        await self._database["system.profile"].drop()
        await self._database.command({"profile": 2})
        try:
            await ask()
        finally:
            await self._database.command({"profile": 0})
        wanted = {"op": {"$in": ["query", "command", "getmore"]}, "planSummary": {"$exists": True}}
        return [d async for d in self._database["system.profile"].find(wanted)]


def rollups(store: Store) -> RollUpStore:
    return RollUpStore(store._database)


def in_force(code: str, report: str) -> dict[str, Any]:
    pointer = {"agency": "samarinda-desk", "id": report, "is_withdrawn": report == WITHDRAWN}
    return {"_id": code, "own": {"recent_reports": [pointer]}}


Ask = Callable[[Store, PageStore], Awaitable[Any]]
_REPORTS, _INCIDENTS, _ALERTS = ReportsQuery, IncidentsQuery, AlertsQuery


def a_page(kind: str, query: Any, **filters: Any) -> tuple[str, int, Ask]:
    """The first page of a list, and the second."""
    wanted = query(**filters).to_mongo()

    async def ask(store: Store, _pages: PageStore) -> None:
        last = decoded((await getattr(store, kind)(wanted, None, 20))[-1])
        if kind == "logistics":
            after: Any = (last["region"], last["item"])
        else:
            after = After(last["raised_at" if kind == "alerts" else "received_at"], last["_id"])
        await getattr(store, kind)(wanted, after, 20)

    named = ", ".join(f"{name}={value}" for name, value in filters.items())
    return f"{kind} {named}", 60, ask


# What is asked, how many keys or documents it may look at in all, and how.
ASKED: list[tuple[str, int, Ask]] = [
    ("regions", 25, lambda s, _: s.regions([f"64.{n:02}" for n in range(1, 20)])),
    ("regions of all levels", 40, lambda s, _: s.regions(["64", "64.72", "64.72.01"])),
    ("by_ids", 5, lambda s, _: s.by_ids("reports", ["/agencies/samarinda-desk/r1", "/agencies/nobody/x"])),
    ("conditions", 80, lambda s, _: s.conditions("64.72")),
    ("facts", 60, lambda s, _: s.facts(MONDAY, ["64.72", "64.71"])),
    ("facts_after", 300, lambda s, _: s.facts_after(MONDAY, "64.5", 20)),
    ("attendance", 10, lambda _, p: p.attendance(MONDAY, ["64.72", "64.71"])),
    ("attendance_after", 25, lambda s, _: s.attendance_after(MONDAY, "64.5", 20)),
    ("judged", 1_200, lambda s, _: s.judged(MONDAY)),
    ("judged within", 80, lambda s, _: s.judged(MONDAY, "64.72")),
    ("read_to", 5, lambda s, _: s.read_to(ALERTS, INCIDENTS)),
    ("latest_reports", 5, lambda s, _: s.latest_reports([in_force("64.72", "r1"), in_force("64.71", "r2")])),
    ("latest_reports withdrawn", 10, lambda s, _: s.latest_reports([in_force("64.72", WITHDRAWN)])),
    ("report", 3, lambda s, _: s.report("/agencies/samarinda-desk/r1")),
    ("event", 5, lambda s, _: s.event("/agencies/samarinda-desk/r1")),
    a_page("reports", _REPORTS),
    a_page("reports", _REPORTS, region="64"),
    a_page("reports", _REPORTS, region=SMALL),
    a_page("reports", _REPORTS, period=MONDAY.isoformat()),
    a_page("reports", _REPORTS, withdrawn=True),
    a_page("reports", _REPORTS, withdrawn=False),
    a_page("incidents", _INCIDENTS),
    a_page("incidents", _INCIDENTS, region="64"),
    a_page("incidents", _INCIDENTS, region=SMALL),
    a_page("incidents", _INCIDENTS, category="money_politics"),
    a_page("incidents", _INCIDENTS, status="resolved"),
    a_page("incidents", _INCIDENTS, quiet_period=True),
    a_page("incidents", _INCIDENTS, violation=True),
    a_page("alerts", _ALERTS),
    a_page("alerts", _ALERTS, region="64"),
    a_page("alerts", _ALERTS, region=SMALL),
    a_page("alerts", _ALERTS, rule="missing-report"),
    a_page("alerts", _ALERTS, state="resolved"),
    a_page("alerts", _ALERTS, period=MONDAY.isoformat()),
    a_page("logistics", LogisticsQuery),
    a_page("logistics", LogisticsQuery, region="64"),
    a_page("logistics", LogisticsQuery, item="ink"),
    ("open_violations", 60, lambda _, p: p.open_violations(None, 20)),
    ("open_violations within", 60, lambda _, p: p.open_violations("64", 20)),
    ("open_by_region", 800, lambda _, p: p.open_by_region(None, Level.DISTRICT)),
    ("newest_at", 5, lambda _, p: p.newest_at()),
    ("attended", 10, lambda _, p: p.attended("64.72", MONDAY, 6)),
    ("has_events", 3, lambda s, _: s.has_events("64.72")),
    ("has_incidents", 3, lambda s, _: s.has_incidents("money_politics")),
    ("has_incidents none", 3, lambda s, _: s.has_incidents("removed")),
    ("has_stocks", 3, lambda s, _: s.has_stocks("ink")),
    ("has_stocks none", 3, lambda s, _: s.has_stocks("removed")),
    ("rollups.incidents", 80, lambda s, _: rollups(s).incidents("64.72", QUIET)),
    ("rollups.stocks_by_item", 20, lambda s, _: rollups(s).stocks_by_item(["64.72", "64.71"], {})),
    ("rollups.stocks_by_item since", 20, lambda s, _: rollups(s).stocks_by_item(["64.72", "64.71"], {"64.71": QUIET})),
    ("rollups.stocks_by_region", 10, lambda s, _: rollups(s).stocks_by_region(["64.72", "64.71"], ["ink"], {})),
    (
        "rollups.stocks_by_region since",
        20,
        lambda s, _: rollups(s).stocks_by_region(["64.72", "64.71"], ["ink"], {"64.71": QUIET}),
    ),
    ("rollups.verdicts", 80, lambda s, _: rollups(s).verdicts(MONDAY, "64.72")),
    ("rollups.in_force", 5, lambda s, _: rollups(s).in_force(["64.72", "64.71"])),
    ("rollups.texts", 10, lambda s, _: rollups(s).texts([MONDAY.isoformat()], ["64.72", "64.71"])),
    ("corrections", 40, lambda _, p: p.corrections("64.72", ["r1", "r2"])),
]


# Those that may sort what an index has found, and why it stays little.
SORTING = {
    "facts_after": "the regions that filed for a period that nobody owed",
    f"reports region={SMALL}": "of a small region all are few; a large one's newest are soon found in order",
    f"incidents region={SMALL}": "as above",
    f"alerts region={SMALL}": "as above",
}


@pytest.mark.parametrize(("name", "most", "ask"), ASKED, ids=[row[0] for row in ASKED])
async def test_no_query_walks_through_a_collection(asked: Bench, name: str, most: int, ask: Ask) -> None:
    """By an index, in its order, and at little more than is returned."""
    store, pages = Store(asked.database), PageStore(asked.database)
    told = await Account(asked).of(lambda: ask(store, pages))
    assert told
    for one in told:
        assert "COLLSCAN" not in one["planSummary"], one["planSummary"]
        assert not one.get("hasSortStage") or name in SORTING, one["planSummary"]
    looked_at = sum(max(one.get("keysExamined", 0), one.get("docsExamined", 0)) for one in told)
    assert looked_at <= most, [one["planSummary"] for one in told]


def test_every_query_is_among_them() -> None:
    """A query that is added to a store is added here."""
    kinds = {Store: "", PageStore: "", RollUpStore: "rollups."}
    public = {f"{kinds[kind]}{name}" for kind in kinds for name in vars(kind) if not name.startswith("_")}
    assert public == {name.split()[0] for name, *_ in ASKED}
