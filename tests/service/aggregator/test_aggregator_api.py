"""The aggregator's read API over HTTP: what was folded is what is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.access.keys import Role
from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.incident import IncidentData, IncidentEvent, Severity
from shared.events.report import Condition, ReportData, ReportEvent
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from shared.exactly_once.journal import Journal
from shared.exactly_once.sightings import read_records

MONDAY = date(2024, 11, 18)
AT = datetime(2024, 11, 18, 1, tzinfo=UTC)
DUE = datetime(2024, 11, 18, 16, tzinfo=UTC)
QUIET = datetime(2024, 11, 25, 1, tzinfo=UTC)
VILLAGE = "64.72.01.1001"


class Made:
    """Builders of events; what a test does not care about is filled in."""

    def __init__(self, envelope: Callable[..., dict[str, Any]]) -> None:
        self._envelope = envelope

    def report(
        self,
        event_id: str,
        region: str = "64.72",
        *,
        condition: Condition = Condition.NORMAL,
        period: date = MONDAY,
        at: datetime = AT,
        content: str = "a",
    ) -> ReportEvent:
        data = ReportData(period=period, condition=condition, summary=content, topics={"logistics": "14 items"})
        return ReportEvent(**self._envelope(event_id, region, at, content=content), data=data)

    def incident(
        self, event_id: str, region: str = "64.72", *, category: str = "campaigning", at: datetime = AT
    ) -> IncidentEvent:
        data = IncidentData(category=category, occurred_at=at, description="seen", severity=Severity.HIGH)
        return IncidentEvent(**self._envelope(event_id, region, at), data=data)

    def verdict(self, region: str, revision: int, verdict: Verdict) -> VerdictEvent:
        judged_at = DUE + timedelta(hours=2 + revision)
        data = VerdictData(
            election="kaltim-2024",
            period=MONDAY,
            verdict=verdict,
            revision=revision,
            reason="nothing_received",
            judged_at=judged_at,
            due_at=DUE,
        )
        event_id = f"verdict:{MONDAY}:{region}#{revision}"
        return VerdictEvent(**self._envelope(event_id, region, judged_at, None), data=data)

    def alert(self, alert: str, region: str, revision: int, state: AlertState, **fields: Any) -> AlertEvent:
        data = AlertData(
            alert=alert,
            rule=alert.partition(":")[0],
            revision=revision,
            period=fields.pop("period", None),
            state=state,
            raised_at=fields.pop("raised_at", DUE),
            details=fields.pop("details", {}),
        )
        return AlertEvent(**self._envelope(f"{alert}#{revision}", region, DUE, None), data=data)


@pytest.fixture(scope="session")
def made(envelope: Callable[..., dict[str, Any]]) -> Made:
    return Made(envelope)


# Regions


async def test_village_counts_for_all_above_it_and_is_own_of_itself_alone(bench: Any, made: Made) -> None:
    """A village's report and violation show in the totals of district, city and province, in nobody else's own."""
    await bench.feed(made.report("a", VILLAGE, condition=Condition.CRITICAL), made.incident("b", VILLAGE, at=QUIET))
    for code in (VILLAGE, "64.72.01", "64.72", "64"):
        region = await bench.json(f"/v1/regions/{code}")
        assert region["total"]["reports"] == {"count": 1, "by_condition": {"critical": 1}}, code
        assert region["total"]["incidents"]["by_category"] == {"campaigning": 1}, code
        assert (region["total"]["violations"], region["total"]["quiet_period_violations"]) == (1, 1), code
        assert region["conditions"] == {"village": {"critical": 1}}, code
        assert region["own"]["reports"]["count"] == (1 if code == VILLAGE else 0), code
    own = (await bench.json(f"/v1/regions/{VILLAGE}"))["own"]
    assert own["latest_report"]["summary"] == "a"
    assert own["latest_report"]["topics"] == {"logistics": "14 items"}
    assert own["last_event_at"] == QUIET.isoformat()


async def test_city_counts_its_own_event_once(bench: Any, made: Made) -> None:
    """A city's own report is in its state and its total by one change; the province's own adds to the roll-up."""
    await bench.feed(made.report("a"), made.report("b", "64", condition=Condition.ATTENTION), made.incident("c", "64"))
    city, province = await bench.json("/v1/regions/64.72"), await bench.json("/v1/regions/64")
    assert city["own"]["reports"] == city["total"]["reports"] == {"count": 1, "by_condition": {"normal": 1}}
    assert province["total"]["reports"] == {"count": 2, "by_condition": {"attention": 1, "normal": 1}}
    assert province["total"]["incidents"]["count"] == 1
    assert province["conditions"] == {"province": {"attention": 1}, "regency": {"normal": 1}}


async def test_region_without_events_is_shown_empty(bench: Any) -> None:
    """Silence is shown as zeros, with the name, zone and children of the roster."""
    region = await bench.json("/v1/regions/64.72")
    assert (region["name"], region["level"], region["parent"], region["zone"]) == (
        "Kota Samarinda",
        "regency",
        "64",
        "Asia/Makassar",
    )
    assert region["own"]["latest_report"] is None
    assert region["total"]["reports"] == {"count": 0, "by_condition": {}}
    assert region["children"][0] == "64.72.01"


async def test_regions_by_level_and_parent_page_by_page(bench: Any, made: Made) -> None:
    """Every region comes once, in the order of codes, with its roll-up, whatever the size of the pages."""
    await bench.feed(made.report("a", VILLAGE))
    cities = await bench.items("/v1/regions", level="regency", limit=3)
    assert [c["code"] for c in cities] == sorted(r.code for r in bench.calendar.roster.children("64"))
    assert {c["code"]: c["total"]["reports"]["count"] for c in cities}["64.72"] == 1
    districts = await bench.items("/v1/regions", parent="64.72")
    assert {d["level"] for d in districts} == {"district"}
    assert sum(d["total"]["reports"]["count"] for d in districts) == 1
    assert len(await bench.items("/v1/regions", limit=1000)) == len(bench.calendar.roster)


@pytest.mark.parametrize("code", ["99", "64.99", "nowhere", "$where"])
async def test_unknown_region_is_not_found(bench: Any, code: str) -> None:
    """A code that is not in the roster and has no events answers 404, as a problem."""
    answer = await bench.get(f"/v1/regions/{code}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_region_that_left_the_roster_keeps_its_events(bench: Any, made: Made) -> None:
    """What was accepted for a region is shown even after the roster has lost it."""
    await bench.feed(made.report("a", "64.99"))
    region = await bench.json("/v1/regions/64.99")
    assert (region["name"], region["own"]["reports"]["count"]) == ("64.99", 1)
    assert (await bench.json("/v1/regions/64"))["total"]["reports"]["count"] == 1


# Periods


async def test_monday_with_three_missing(bench: Any, made: Made) -> None:
    """Seven of ten have reported: their facts and verdicts are shown, three are missing, one is corrected later."""
    codes = sorted(r.code for r in bench.calendar.roster.children("64"))
    silent, present = codes[:3], codes[3:]
    await bench.feed(*(made.report(f"r{code}", code) for code in present), made.report("extra", VILLAGE))
    await bench.feed(*(made.verdict(code, 1, Verdict.ON_TIME) for code in present[:6]))
    await bench.feed(*(made.verdict(code, 1, Verdict.MISSING) for code in silent))
    await bench.feed(made.verdict(silent[0], 2, Verdict.LATE))
    board = await bench.json("/v1/periods/2024-11-18")
    assert board["counts"] == {
        "on_time": 6,
        "late": 1,
        "missing": 2,
        "pending": 1,
        "undetermined": 0,
        "excused": 0,
    }
    rows = {row["region"]: row for row in board["items"]}
    assert list(rows) == codes
    assert [v["verdict"] for v in rows[silent[0]]["verdicts"]] == ["missing", "late"]
    assert (rows[silent[0]]["verdict"], rows[silent[0]]["revision"], rows[silent[0]]["facts"]) == ("late", 2, None)
    assert (rows[present[6]]["verdict"], rows[present[6]]["facts"]["filings"]) == ("pending", 1)
    assert rows[present[6]]["due_at"] == DUE.isoformat()
    assert rows[present[6]]["verdict_text"] == {"id": "Ditunggu", "en": "Pending"}
    assert rows[present[6]]["reason_text"] == {"id": "belum dinilai", "en": "not judged yet"}
    assert rows[silent[1]]["verdict_text"] == {"id": "Belum lapor", "en": "Missing"}
    assert rows[silent[1]]["reason_text"] == {"id": "tidak ada laporan", "en": "no report was received"}
    assert await bench.items("/v1/periods/2024-11-18", limit=4) == board["items"]
    (listed,) = [p for p in await bench.items("/v1/periods") if p["period"] == "2024-11-18"]
    assert listed["counts"] == board["counts"]


async def test_all_judged_periods_are_listed(bench: Any) -> None:
    """Each Monday from `obligations_from` on, everybody pending before the first verdict."""
    listed = await bench.items("/v1/periods", limit=2)
    assert [p["period"] for p in listed] == [
        "2024-11-11",
        "2024-11-18",
        "2024-11-25",
        "2024-12-02",
        "2024-12-09",
        "2024-12-16",
    ]
    assert {p["counts"]["pending"] for p in listed} == {10}


async def test_period_nobody_owed_for(bench: Any, made: Made) -> None:
    """Before obligations began: 404 that names the judged periods, or the facts alone if somebody filed."""
    answer = await bench.get("/v1/periods/2024-11-04")
    assert answer.status == 404
    assert "2024-11-11" in answer.json()["detail"]
    await bench.feed(made.report("a", period=date(2024, 11, 4)))
    board = await bench.json("/v1/periods/2024-11-04")
    assert [(row["region"], row["verdict"]) for row in board["items"]] == [("64.72", None)]
    assert not board["is_judged"]


@pytest.mark.parametrize("period", ["2024-11-19", "2024-13-01", "monday", "1731888000", "20241118"])
async def test_what_is_no_monday_is_refused(bench: Any, period: str) -> None:
    """Another weekday, and what is no date, answer 422 and name the field."""
    answer = await bench.get(f"/v1/periods/{period}")
    assert answer.status == 422
    assert answer.json()["errors"][0]["field"] == "period"


async def test_wrong_weekday_is_said_in_the_reader_s_language(bench: Any) -> None:
    """No English day in an Indonesian answer; what is no date is told so in Indonesian too."""
    answer = await bench.get("/v1/periods/2024-11-19")
    (error,) = answer.json()["errors"]
    assert error["problem"] == "harus hari Senin; yang terdekat 2024-11-18 dan 2024-11-25"
    (error,) = (await bench.get("/v1/periods/1731888000")).json()["errors"]
    assert error["problem"] == "harus tanggal, misalnya 2024-11-18"
    (error,) = (await bench.get("/v1/periods", limit=5, halaman=2)).json()["errors"]
    assert (error["field"], error["problem"]) == ("halaman", "parameter tidak dikenal")


# Incidents


async def test_incidents_are_filtered_by_every_parameter(bench: Any, made: Made) -> None:
    """Region takes in what lies below; quiet period, category, status and violation narrow further."""
    await bench.feed(
        made.incident("before", VILLAGE),
        made.incident("quiet", "64.72", at=QUIET),
        made.incident("power", "64.72.01", category="power_internet", at=QUIET),
        made.incident("elsewhere", "64.01", category="with.dots"),
    )

    async def ids(**params: Any) -> list[str]:
        return sorted(i["id"] for i in await bench.items("/v1/incidents", **params))

    assert await ids() == ["before", "elsewhere", "power", "quiet"]
    assert await ids(region="64.72") == ["before", "power", "quiet"]
    assert await ids(region="64.72.01") == ["before", "power"]
    assert await ids(category="with.dots") == ["elsewhere"]
    assert await ids(status="reported", region="64.01") == ["elsewhere"]
    assert await ids(status="verified") == []
    assert await ids(quiet_period="true") == ["power", "quiet"]
    assert await ids(quiet_period="true", violation="true") == ["quiet"]
    assert await ids(quiet_period="false") == ["before", "elsewhere"]
    (quiet,) = [i for i in await bench.items("/v1/incidents") if i["id"] == "quiet"]
    assert quiet["is_quiet_period_violation"]
    reported = {"status": "reported", "at": QUIET.isoformat(), "by": "kpu", "id": "quiet", "region": "64.72"}
    assert quiet["history"] == [{**reported, "note": None, "forwarded_to": None, "is_orphan": False}]
    assert {"rev", "cursors", "statuses", "_id"}.isdisjoint(quiet)


@pytest.mark.parametrize(
    ("path", "params", "code", "says"),
    [
        ("/v1/incidents", {"category": "money_politic"}, "category_unknown", "money_politics"),
        ("/v1/incidents", {"category": "zzz"}, "category_unlisted", "voting_rights"),
        ("/v1/incidents", {"category": "with.dots"}, None, None),
        ("/v1/incidents", {"category": "with.dots", "status": "resolved"}, None, None),
        ("/v1/incidents", {"category": "survey_publication"}, None, None),
        ("/v1/incidents", {"region": "99"}, "region_unknown", "64"),
        ("/v1/incidents", {"region": "64.99"}, None, None),
        ("/v1/reports", {"region": "64.99"}, None, None),
        ("/v1/reports", {"region": "64.98"}, "region_unknown", "64."),
        ("/v1/alerts", {"region": "64.98"}, "region_unknown", "64."),
        ("/v1/logistics", {"region": "64.98"}, "region_unknown", "64."),
        ("/v1/logistics", {"item": "zz"}, "item_unlisted", "ballot_boxes"),
        ("/v1/logistics", {"item": "ballot_box"}, "item_unknown", "ballot_boxes"),
        ("/v1/logistics", {"item": "ballot_boxes"}, None, None),
    ],
    ids=str,
)
async def test_a_list_is_not_empty_because_nobody_knows_what_was_asked_for(
    bench: Any, made: Made, path: str, params: dict[str, str], code: str | None, says: str | None
) -> None:
    """It would read as "nothing has come". What the files know no longer is found as long as there is something of it:
    here a category, and a region that has left the roster."""
    await bench.feed(made.incident("old", "64.99.01", category="with.dots"))
    answer = await bench.get(path, **params)
    assert answer.status == (422 if code else 200), answer.text
    if code:
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == (*params, code)
        assert says in error["problem"]


async def test_incidents_come_newest_first_and_once(bench: Any, made: Made) -> None:
    """Pages neither lose nor repeat an incident, though several were received in the same instant and new ones
    arrive between two pages."""
    await bench.feed(*(made.incident(f"i{n}", at=AT + timedelta(seconds=n // 3)) for n in range(7)))
    first = await bench.json("/v1/incidents", limit=4)
    await bench.feed(made.incident("new", at=QUIET))
    rest = await bench.json("/v1/incidents", limit=4, cursor=first["next"])
    assert [i["id"] for i in first["items"] + rest["items"]] == ["i6", "i5", "i4", "i3", "i2", "i1", "i0"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "params",
    [
        {"status": "unheard"},
        {"category": {"$ne": ""}},
        {"category[$ne]": "x"},
        {"region": "64.*"},
        {"region": "٦٤"},
        {"quiet_period": "perhaps"},
        {"limit": 0},
        {"limit": 1001},
        {"cursor": "%%%"},
        {"cursor": "kunci-é"},
        {"cursor": "MjAyNA"},
        {"cursor": "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCB4"},
        {"stauts": "reported"},
    ],
    ids=str,
)
async def test_parameters_of_no_meaning_are_refused(bench: Any, params: dict[str, Any]) -> None:
    """A wrong value, an operator, a stranger's cursor and a misspelt name answer 422, never an unfiltered list."""
    answer = await bench.get("/v1/incidents", **params)
    assert answer.status == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


# Events


@pytest.mark.expect_errors("cannot_fold")
async def test_what_became_of_events(bench: Any, made: Made) -> None:
    """Counted, sent twice, sent with other content, put aside, journaled only: each says so, and where it stands."""

    def refusing(sighting: Any) -> Any:
        raise ValueError("cannot be counted")

    await bench.feed(made.report("once"), made.report("twice"), made.report("twice"), made.report("other"))
    await bench.feed(made.report("other", content="b"), made.report("other", content="a"))
    await bench.feed(made.report("stuck"), changes=refusing)
    sightings, _ = read_records(bench.records([made.report("fresh")]))
    await Journal(bench.database["journal"]).register(sightings)

    async def became(event_id: str) -> tuple[str, bool]:
        event = await bench.json(f"/v1/events/kpu/{event_id}")
        return event["status"], event["counted"]

    assert await became("once") == ("counted", True)
    assert await became("twice") == ("duplicate", True)
    assert await became("other") == ("conflict", True)
    assert await became("stuck") == ("dead", False)
    assert await became("fresh") == ("accepted", False)
    event = await bench.json("/v1/events/kpu/other")
    assert (event["type"], event["region"], event["period"]) == ("desk.report.v1", "64.72", "2024-11-18")
    assert (event["topic"], event["partition"], event["offset"]) == ("desk.reports", 0, 3)
    assert [o["is_conflict"] for o in event["others"]] == [True, False]
    assert event["received_at"] == AT.isoformat()
    assert (await bench.get("/v1/events/kpu/never")).status == 404
    assert (await bench.get("/v1/events/bawaslu/once")).status == 404


async def test_agency_reads_its_own_events_only(bench: Any, made: Made) -> None:
    """An agency's key sees what it sent and nothing else; without a key nobody sees anything."""
    await bench.feed(made.report("a"))
    own = await bench.key(agency="kpu", kinds=frozenset({"reports"}), regions=("*",))
    other = await bench.key(agency="bawaslu", kinds=frozenset({"reports"}), regions=("*",))
    assert (await bench.get("/v1/events/kpu/a", own)).status == 200
    assert (await bench.get("/v1/events/kpu/a", other)).status == 403
    assert (await bench.get("/v1/events/kpu/a", "")).status == 401
    for path in ("regions", "regions/64", "periods", "periods/2024-11-18", "incidents", "alerts"):
        assert (await bench.get(f"/v1/{path}", own)).status == 403, path
        assert (await bench.get(f"/v1/{path}", "")).status == 401, path
        assert (await bench.get(f"/v1/{path}", await bench.key(role=Role.ADMIN))).status == 200, path


# Alerts


async def test_alerts_show_their_latest_revision(bench: Any, made: Made) -> None:
    """Revisions that come out of order leave the highest; filters and order are as told."""
    missing, violation = "missing-report:2024-11-18:64.72", "quiet-period-violation:kpu:a"
    await bench.feed(
        made.alert(missing, "64.72", 2, AlertState.RESOLVED, period=MONDAY),
        made.alert(missing, "64.72", 1, AlertState.FIRING, period=MONDAY),
        made.alert(violation, VILLAGE, 1, AlertState.FIRING, raised_at=QUIET, details={"event": "a", "n": 1}),
        made.alert("cannot-evaluate:2024-11-18", "system", 1, AlertState.FIRING, period=MONDAY),
    )

    async def ids(**params: Any) -> list[str]:
        return [a["id"] for a in await bench.items("/v1/alerts", limit=2, **params)]

    assert await ids() == [violation, missing, "cannot-evaluate:2024-11-18"]
    assert await ids(state="resolved") == [missing]
    assert await ids(rule="quiet-period-violation") == [violation]
    assert await ids(region="64.72") == [violation, missing]
    assert await ids(period="2024-11-18", state="firing") == ["cannot-evaluate:2024-11-18"]
    (system,) = await bench.items("/v1/alerts", rule="cannot-evaluate")
    assert set(system) == {
        "id",
        "rule",
        "region",
        "period",
        "state",
        "raised_at",
        "resolved_at",
        "resolution",
        "details",
        "history",
    }
    assert (system["region"], system["period"], system["raised_at"]) == (None, "2024-11-18", DUE.isoformat())


async def test_alerts_of_rules_that_nobody_here_knows(bench: Any, made: Made) -> None:
    """The notifier may add rules: their alerts are kept, found by their rule and shown as told."""
    told = {
        "logistics:64.02:D-3": "64.02",
        "report-reminder:2024-11-18:64.72": "64.72",
        "receiver-failing:wa": "system",
    }
    details = {"items": [{"item": "ballots", "lacking": 2.5}], "": None, "a.b": True}
    await bench.feed(*(made.alert(one, at, 1, AlertState.FIRING, details=details) for one, at in told.items()))
    for one, at in told.items():
        (shown,) = await bench.items("/v1/alerts", rule=one.partition(":")[0])
        assert (shown["id"], shown["region"] or "system", shown["details"]) == (one, at, details)
    assert [a["id"] for a in await bench.items("/v1/alerts", region="64.02")] == ["logistics:64.02:D-3"]


@pytest.mark.parametrize("params", [{"stat": "resolved"}, {"period": "1731888000"}, {"period": "2024-11"}], ids=str)
async def test_alerts_refuse_what_they_do_not_know(bench: Any, params: dict[str, str]) -> None:
    """A misspelt name never gives an unfiltered list, and a number is no day."""
    answer = await bench.get("/v1/alerts", **params)
    assert answer.status == 422
    assert [e["field"] for e in answer.json()["errors"]] == list(params)


@pytest.mark.parametrize("details", ['{"n": 1' + "0" * 400 + "}", '{"$ref": "x"}', '{"a\\u0000": 1}', '{"n": NaN}'])
@pytest.mark.expect_errors("dead_letter")
async def test_alert_that_cannot_be_kept_costs_nobody_else(bench: Any, made: Made, details: str) -> None:
    """Details that MongoDB has no room for make one dead letter, not a batch that fails for ever."""
    fine = made.alert("rule:fine", "64.72", 1, AlertState.FIRING)
    odd, good = bench.records([made.alert("rule:odd", "64.72", 1, AlertState.FIRING), fine])
    value = odd.value.replace(b'"details":{}', b'"details":' + details.encode())
    assert value != odd.value
    await bench.steps().process([odd._replace(value=value), good])
    assert [a["id"] for a in await bench.items("/v1/alerts")] == ["rule:fine"]


async def test_a_cursor_is_of_one_list(bench: Any, made: Made) -> None:
    """In another list it would begin somewhere, as if the rest were all."""
    await bench.feed(*(made.incident(f"i{n}") for n in range(2)))
    cursor = (await bench.json("/v1/incidents", limit=1))["next"]
    assert len((await bench.json("/v1/incidents", cursor=cursor))["items"]) == 1
    for path in ("/v1/regions", "/v1/periods", "/v1/periods/2024-11-18", "/v1/reports", "/v1/logistics", "/v1/alerts"):
        answer = await bench.get(path, cursor=cursor)
        assert answer.status == 422, path
        assert [e["field"] for e in answer.json()["errors"]] == ["cursor"]
    of_regions = (await bench.json("/v1/regions", limit=1))["next"]
    assert (await bench.get("/v1/incidents", cursor=of_regions)).status == 422
