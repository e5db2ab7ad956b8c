"""What an agency's bodies become."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.submissions.body import WrongFields, read
from services.intake.submissions.checks import Receipt
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.report import ReportBody
from shared.election.calendar import Calendar
from shared.election.config import ReportRule
from shared.election.loaded import load_calendar
from shared.events.codec import decode, encode
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.texts import catalogue
from shared.topics import INCIDENTS, REPORTS

KALTIM = Path(__file__).resolve().parents[2] / "deploy" / "elections" / "kaltim-2024.yaml"
CALENDAR = load_calendar(KALTIM, None, None)
MONDAY_10 = "2024-11-18T10:00:00+08:00"
REPORT = {"region": "64.72", "condition": "normal", "summary": "Aman."}
INCIDENT = {
    "region": "64.72.01",
    "category": "money_politics",
    "occurred_at": "2024-11-18T08:00:00+08:00",
    "description": "Amplop dibagikan.",
}


def receipt(at: str = MONDAY_10, header_id: str | None = None, calendar: Calendar = CALENDAR) -> Receipt:
    return Receipt(calendar, datetime.fromisoformat(at).astimezone(UTC), header_id)


def report(at: str = MONDAY_10, **change: Any) -> ReportEvent:
    body = read(ReportBody, json.dumps({**REPORT, **change}).encode(), receipt(at))
    return body.to_event("kaltim-desk", "r1", receipt(at), None)


def incident(at: str = MONDAY_10, **change: Any) -> IncidentEvent:
    body = read(IncidentBody, json.dumps({**INCIDENT, **change}).encode(), receipt(at))
    return body.to_event("kaltim-desk", "i1", receipt(at), None)


def reasons(body_type: type[ReportBody] | type[IncidentBody], body: dict[str, Any], **known: Any) -> dict[str, str]:
    with pytest.raises(WrongFields) as caught:
        read(body_type, json.dumps(body).encode(), receipt(**known))
    return {e.field: e.reason for e in caught.value.errors}


@pytest.mark.parametrize(
    ("received_at", "change", "period"),
    [
        # The latest Monday of the region's own day: WITA is UTC+8.
        ("2024-11-17T15:59:59.999999Z", {}, "2024-11-11"),
        ("2024-11-17T16:00:00Z", {}, "2024-11-18"),
        ("2024-11-24T23:59:59+08:00", {}, "2024-11-18"),
        # Written on Sunday, synced on Monday: for the week in which it was written.
        (MONDAY_10, {"submitted_at": "2024-11-17T20:00:00+08:00"}, "2024-11-11"),
        # A device up to ten minutes ahead is believed, a microsecond more is not.
        ("2024-11-17T23:55:00+08:00", {"submitted_at": "2024-11-18T00:05:00+08:00"}, "2024-11-18"),
        ("2024-11-17T23:55:00+08:00", {"submitted_at": "2024-11-18T00:05:00.000001+08:00"}, "2024-11-11"),
        # A device whose battery died is not believed either.
        (MONDAY_10, {"submitted_at": "1970-01-01T00:00:00Z"}, "2024-11-18"),
        (MONDAY_10, {"submitted_at": "2010-01-01T00:03:00+08:00"}, "2024-11-18"),
        (MONDAY_10, {"submitted_at": "2024-12-24T00:00:00+08:00"}, "2024-11-18"),
        # What the sender says holds, up to the next Monday.
        (MONDAY_10, {"period": "2024-10-07"}, "2024-10-07"),
        (MONDAY_10, {"period": "2024-11-25"}, "2024-11-25"),
        (MONDAY_10, {"period": "2024-11-18", "submitted_at": "2024-11-17T20:00:00+08:00"}, "2024-11-18"),
    ],
)
def test_period(received_at: str, change: dict[str, Any], period: str) -> None:
    """The period is the sender's, else the Monday of a believed device time, else that of the receipt."""
    assert report(received_at, **change).data.period == date.fromisoformat(period)


def test_period_follows_the_region_zone() -> None:
    """Just before midnight in WITA it is still the old week in WIB, an hour longer."""
    zones = {"64.72": "Asia/Jakarta"}
    calendar = Calendar(CALENDAR.election.model_copy(update={"zones": zones}), CALENDAR.roster)
    known = receipt("2024-11-18T00:30:00+08:00", calendar=calendar)
    for region, period in (("64.72.01", "2024-11-11"), ("64.71", "2024-11-18")):
        body = read(ReportBody, json.dumps({**REPORT, "region": region}).encode(), known)
        assert body.to_event("a", "r1", known, None).data.period == date.fromisoformat(period)


DAILY = {"level": "regency", "every": "day", "from": date(2024, 11, 24), "until": date(2024, 11, 27)}
WITH_DAILY = Calendar(
    CALENDAR.election.model_copy(
        update={
            "reports": (*CALENDAR.election.reports, ReportRule.model_validate(DAILY))
        }  # weekly, and daily at the end
    ),
    CALENDAR.roster,
)


@pytest.mark.parametrize(
    ("received_at", "named", "period"),
    [
        ("2024-11-23T23:59:59+08:00", None, "2024-11-18"),
        ("2024-11-24T00:00:00+08:00", None, "2024-11-24"),
        ("2024-11-26T10:00:00+08:00", None, "2024-11-26"),
        ("2024-11-26T10:00:00+08:00", "2024-11-24", "2024-11-24"),
        ("2024-11-26T10:00:00+08:00", "2024-11-27", "2024-11-27"),
        ("2024-11-28T10:00:00+08:00", None, "2024-11-27"),
        ("2024-11-28T10:00:00+08:00", "2024-12-02", "2024-12-02"),
    ],
)
def test_period_where_reports_are_owed_every_day(received_at: str, named: str | None, period: str) -> None:
    """The local day, or the day that is named; between the daily ones and the next Monday the last of them."""
    known = receipt(received_at, calendar=WITH_DAILY)
    body = read(ReportBody, json.dumps({**REPORT, "region": "64.72", "period": named}).encode(), known)
    assert body.to_event("a", "r1", known, None).data.period == date.fromisoformat(period)


@pytest.mark.parametrize(
    ("named", "reason", "said"),
    [
        ("2024-12-02", "period_future", "2024-11-27"),  # the next Monday, and a daily one before it
        ("2024-11-22", "period_weekday", "2024-11-18"),  # a Friday before the daily ones
        ("2024-11-22", "period_weekday", "2024-11-24"),
    ],
)
def test_a_day_that_no_report_is_for_is_refused_with_the_nearest(named: str, reason: str, said: str) -> None:
    """As a wrong weekday is."""
    known = receipt("2024-11-26T10:00:00+08:00", calendar=WITH_DAILY)
    with pytest.raises(WrongFields) as refused:
        read(ReportBody, json.dumps({**REPORT, "region": "64.72", "period": named}).encode(), known)
    (error,) = refused.value.errors
    assert (error.field, error.reason) == ("period", reason)
    assert said in error.to_json("en")["problem"]


@pytest.mark.parametrize(
    ("submitted_at", "time"),
    [
        (None, MONDAY_10),
        ("2024-11-18T09:00:00+08:00", "2024-11-18T09:00:00+08:00"),
        ("2024-11-18T10:10:00+08:00", "2024-11-18T10:10:00+08:00"),
        ("2024-11-18T10:10:00.000001+08:00", MONDAY_10),
        ("2024-11-19T10:00:00+08:00", MONDAY_10),
        ("2099-12-31T23:59:59Z", MONDAY_10),
        ("2010-01-01T00:03:00+08:00", MONDAY_10),
        ("1970-01-01T00:00:00Z", MONDAY_10),
    ],
)
def test_time_of_a_report(submitted_at: str | None, time: str) -> None:
    """The event's time is the device's if it is believed, else the receipt; what the sender said is kept."""
    event = report(submitted_at=submitted_at)
    assert event.time == datetime.fromisoformat(time)
    assert event.receivedat == datetime.fromisoformat(MONDAY_10)
    assert event.data.submitted_at == (datetime.fromisoformat(submitted_at) if submitted_at else None)


def test_time_of_an_incident() -> None:
    """An incident's time is when it occurred; ten minutes of a fast clock are forgiven, a microsecond more is not."""
    event = incident(occurred_at="2024-11-18T10:10:00+08:00")
    assert event.time == event.data.occurred_at == datetime.fromisoformat("2024-11-18T10:10:00+08:00")
    late = {**INCIDENT, "occurred_at": "2024-11-18T10:10:00.000001+08:00"}
    assert reasons(IncidentBody, late) == {"occurred_at": "occurred_future"}


def test_hash_is_of_what_was_said() -> None:
    """The hash is the same for a retry in another week, under another id, in another order or spelling, and another
    for anything else that was said."""
    first = report(id="r1", submitted_at="2024-11-18T09:00:00+08:00").contenthash
    assert report("2024-11-25T10:00:00+08:00", submitted_at="2024-11-18T01:00:00Z", topics=None).contenthash == first
    others = [
        report().contenthash,
        report(submitted_at="2024-11-18T09:00:00+08:00", summary="Lain.").contenthash,
        report(submitted_at="2024-11-18T09:00:00+08:00", period="2024-11-18").contenthash,
        report(submitted_at="2024-11-18T09:00:00+08:00", region="64.71").contenthash,
        incident().contenthash,
    ]
    assert len({first, *others}) == 6


def test_hash_is_golden() -> None:
    """The hash of a given content never changes: fingerprints outlive releases."""
    assert report().contenthash == "f92d901d9f3851751ebf18bd89b5fbe7a46ac7916f5a53aeb9fd404b3ebfbd91"
    assert incident().contenthash == "596edc6a068b8dd4b86c2c9d4c5be22c524e16b354e27d5413154bfacd17d5bb"


@pytest.mark.parametrize(
    ("header_id", "body_id", "expected"),
    [
        (None, "r1", {}),
        ("r1", None, {}),
        ("r1", "r1", {}),
        ("r2", "r1", {"id": "id_twice"}),
        ("r/2", None, {"Idempotency-Key": "slug"}),
        ("", None, {"Idempotency-Key": "slug"}),
    ],
)
def test_two_ids(header_id: str | None, body_id: str | None, expected: dict[str, str]) -> None:
    """The id stands in the body or in the header, or the same one in both."""
    body = {**REPORT, "id": body_id}
    if expected:
        assert reasons(ReportBody, body, header_id=header_id) == expected
    else:
        assert read(ReportBody, json.dumps(body).encode(), receipt(header_id=header_id)).id == body_id


def test_report_cannot_replace_itself_by_header() -> None:
    """The header's id is the report's own id too."""
    assert reasons(ReportBody, {**REPORT, "replaces": "r1"}, header_id="r1") == {"replaces": "replaces_itself"}


@pytest.mark.parametrize(
    ("region", "helps"),
    [("64.72.99", "64.72.09"), ("64.73", "64.72"), ("31.74", "64"), ("64.72.01.9999", "64.72.01.")],
)
def test_unknown_region_is_told_what_is_near(region: str, helps: str) -> None:
    """An unknown code is answered with known ones below the nearest ancestor."""
    with pytest.raises(WrongFields) as caught:
        read(ReportBody, json.dumps({**REPORT, "region": region}).encode(), receipt())
    assert helps in caught.value.errors[0].to_json("en")["problem"]


@pytest.mark.parametrize(
    ("category", "helps"),
    [
        ("money_politic", "money_politics"),
        ("Money_Politics", "money_politics"),
        ("Politik uang", "money_politics"),  # as screens say
        ("right to vote", "voting_rights"),
        ("zzz", "campaigning"),
        ("apa saja / anything", "campaigning"),
        ("", "campaigning"),
        ("z" * 60_000, "campaigning"),
    ],
)
def test_unknown_category_is_told_what_is_known(category: str, helps: str) -> None:
    """A misspelled category, or one by its label, is answered with its like; a wild one with all there are."""
    with pytest.raises(WrongFields) as caught:
        read(IncidentBody, json.dumps({**INCIDENT, "category": category}).encode(), receipt())
    assert helps in caught.value.errors[0].to_json("en")["problem"]


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(
    body_type=st.sampled_from([ReportBody, IncidentBody]),
    field=st.sampled_from(sorted({*ReportBody.model_fields, *IncidentBody.model_fields, "x"})),
    value=WILD,
)
def test_wild_values_are_taken_or_named(
    body_type: type[ReportBody] | type[IncidentBody], field: str, value: object
) -> None:
    """Whatever stands in a field, the body becomes an event or is refused with reasons that have a text."""
    body = {**(REPORT if body_type is ReportBody else INCIDENT), field: value}
    errors = []
    try:
        taken = read(body_type, json.dumps(body).encode("utf-8", "surrogatepass"), receipt())
        taken.to_event("kaltim-desk", "x1", receipt(), None)
    except WrongFields as refused:
        errors = [(e.reason, e.to_json("id")["problem"], e.to_json("en")["problem"]) for e in refused.errors]
    for reason, in_indonesian, in_english in errors:
        assert reason in catalogue("problems")
        assert in_indonesian
        assert in_english


@given(
    received_at=st.timedeltas(timedelta(0), timedelta(days=270)).map(lambda t: datetime(2024, 9, 1, tzinfo=UTC) + t),
    shown=st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    text=st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs"]), min_size=1, max_size=50),
)
def test_every_report_read_is_an_event(received_at: datetime, shown: datetime, text: str) -> None:
    """For any device time and any text the event survives its own wire form, and its period is a Monday that is not
    beyond the next one."""
    known = Receipt(CALENDAR, received_at)
    body = {**REPORT, "submitted_at": shown.isoformat(), "summary": f"a{text}"}
    event = read(ReportBody, json.dumps(body).encode(), known).to_event("a", "r1", known, None)
    assert decode(REPORTS.name, encode(event)) == event
    assert event.data.period.weekday() == 0
    assert event.data.period <= received_at.date() + timedelta(days=8)


def test_incident_survives_its_wire_form() -> None:
    """A full incident is read back as it was written, and what was not said is absent rather than null."""
    event = incident(evidence=[{"url": "https://foto.example.go.id/1.jpg"}], place="Loa Janan Ilir", severity="high")
    raw = encode(event)
    assert decode(INCIDENTS.name, raw) == event
    assert b"null" not in raw
    assert "sha256" not in json.loads(raw)["data"]["evidence"][0]
