"""Digests in words: what changed, by name, and how all stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.alerts import alerts
from services.notifier.notices import naming
from services.notifier.notices.notices import Notice
from services.notifier.telling import digests
from services.notifier.telling.digests import Standing
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import Region, Roster
from shared.exactly_once.cursors import empty
from shared.texts import catalogue
from tests.builders import MONDAY, a_calendar, an_election, utc

Document = dict[str, Any]
JUDGED = utc("2024-11-18T18:00:00Z")
SERIES = "missing-report:2024-11-18:64"
STANDS = Standing(("64.02",), {"owed": 3, "reported": 2, "missing": 1})
ALL_WELL = Standing((), {"owed": 3, "reported": 3, "missing": 0})
HOW_ALL_STAND = "Kalimantan Timur: 2/3 have reported for 18-11-2024; missing: Kabupaten Kutai Kartanegara."


def raised(region: str, rule: str = "missing-report", **more: Any) -> Document:
    alert_id = f"{rule}:2024-11-18:{region}"
    found = alerts.raised(empty(alert_id), region=region, period=MONDAY, at=JUDGED, why="x", details={}, **more)
    return alerts.collected(found, digests.series_of(found))


def reported(region: str, minutes: int = 30, resolution: str = "reported_late") -> Document:
    at = JUDGED + timedelta(minutes=minutes)
    ended = alerts.resolved(
        raised(region, is_noticed_alone=False), at=at, resolution=resolution, why="x", details={"reported_at": at}
    )
    return alerts.collected(ended, digests.series_of(ended))


def told_of(changed: Sequence[Document], standing: Standing = STANDS, calendar: Calendar | None = None) -> Notice:
    pairs = [(alert, alert["to_digest"][0]) for alert in changed]
    return digests.of_changes(SERIES, 4, pairs, standing, calendar or a_calendar())


def english(notice: Notice) -> str:
    return str(notice.payload["data"]["text"]["en"])


def test_who_reported_late() -> None:
    """By name, with the time in the region's zone, and how all stand; in both languages."""
    notice = told_of([reported("64.72"), reported("64.71", 45)])
    assert notice.payload["data"]["text"] == {
        "id": "Melapor terlambat untuk 18-11-2024: Kota Samarinda (19-11-2024 02:30 WITA), Kota Balikpapan "
        "(19-11-2024 02:45 WITA). Kalimantan Timur: 2/3 sudah melapor untuk 18-11-2024; belum lapor: Kabupaten Kutai "
        "Kartanegara.",
        "en": "Reported late for 18-11-2024: Kota Samarinda (19-11-2024 02:30 WITA), Kota Balikpapan "
        f"(19-11-2024 02:45 WITA). {HOW_ALL_STAND}",
    }
    assert (notice.id, notice.change, notice.region) == (f"{SERIES}~4-resolved", "resolved", "64")
    assert notice.at == notice.payload["timestamp"] == JUDGED + timedelta(minutes=45)
    assert notice.payload["data"]["counts"] == {"owed": 3, "reported": 2, "missing": 1}
    assert notice.payload["data"]["severity"] == "warning"
    assert notice.alerts == ("missing-report:2024-11-18:64.72", "missing-report:2024-11-18:64.71")


@pytest.mark.parametrize(
    ("changed", "standing", "expected"),
    [
        (
            [reported("64.72")],
            ALL_WELL,
            "Kota Samarinda reported late for 18-11-2024 (19-11-2024 02:30 WITA). Kalimantan Timur: 3/3 have reported "
            "for 18-11-2024; none is missing any more.",
        ),
        (
            [reported("64.72"), reported("64.71", resolution="delivered_late")],
            STANDS,
            "Kota Samarinda reported late for 18-11-2024 (19-11-2024 02:30 WITA). Correction: Kota Balikpapan "
            f"reported in time for 18-11-2024; the report arrived only at 19-11-2024 02:30 WITA. {HOW_ALL_STAND}",
        ),
        (
            [reported("64.72")],
            replace(STANDS, excused=("64.71",)),
            "Kota Samarinda reported late for 18-11-2024 (19-11-2024 02:30 WITA). "
            f"{HOW_ALL_STAND} Excused: Kota Balikpapan.",
        ),
        (
            [reported("64.72")],
            replace(ALL_WELL, excused=("64.71", "64.02")),
            "Kota Samarinda reported late for 18-11-2024 (19-11-2024 02:30 WITA). Kalimantan Timur: 3/3 have reported "
            "for 18-11-2024; none is missing any more. Excused: Kota Balikpapan, Kabupaten Kutai Kartanegara.",
        ),
    ],
    ids=["nobody is missing any more", "one each of two ends", "somebody is excused", "only the excused are left"],
)
def test_sentences(changed: list[Document], standing: Standing, expected: str) -> None:
    """One who changed has the sentence of a change alone; nobody left is said in words."""
    assert english(told_of(changed, standing)) == expected


def excused(region: str) -> Document:
    excuse = {"id": "e", "reason": "Listrik padam", "by": "budi", "at": JUDGED}
    ended = alerts.resolved(
        raised(region, is_noticed_alone=False), at=JUDGED, resolution="excused", why="x", details={"excuse": excuse}
    )
    return alerts.collected(ended, digests.series_of(ended))


def test_what_people_write_ends_before_the_next_sentence() -> None:
    """Also where they put no full stop; the last sentence stays as it is."""
    assert english(told_of([excused("64.72")])).endswith(f"Reason: Listrik padam. {HOW_ALL_STAND}")


def test_what_has_happened_since_is_not_denied() -> None:
    """While a later change waits, only the change itself is told: how all stand now would contradict it."""
    late = reported("64.72")
    again = alerts.raised_again(late, at=JUDGED + timedelta(hours=1), why="x", details={})
    waiting = alerts.collected(again, SERIES)
    assert english(told_of([waiting])) == "Kota Samarinda reported late for 18-11-2024 (19-11-2024 02:30 WITA)."
    assert digests.first_changes([waiting]) == [{"alert": late["_id"], "revision": 2}]
    left = alerts.digested(waiting, 2)
    assert ([c["revision"] for c in left["to_digest"]], left["digest"]) == ([3], SERIES)
    assert alerts.digested(left, 2) is left
    assert alerts.digested(left, 3)["digest"] is None


def test_names_are_bounded() -> None:
    """Hundreds of names are fifty and a number; who counts is counted."""
    codes = [f"64.72.01.{n}" for n in range(1001, 1401)]
    ancestors = [("64", None, Level.PROVINCE), ("64.72", "64", Level.REGENCY), ("64.72.01", "64.72", Level.DISTRICT)]
    regions = [Region(code, parent, level, f"R{code}") for code, parent, level in ancestors]
    villages = [Region(code, "64.72.01", Level.VILLAGE, f"V{code}") for code in codes]
    calendar = Calendar(an_election(), Roster([*regions, *villages]))
    standing = Standing(tuple(codes), {"owed": 900, "reported": 500, "missing": 400})
    text = english(told_of([reported(code) for code in codes], standing, calendar))
    assert text.count("and 350 others") == 2
    assert text.count("V64.72.01.") == 2 * naming.MOST_NAMED
    assert "500/900 have reported" in text


@pytest.fixture
def of_a_rule() -> Iterator[dict[str, Any]]:
    """The texts of a rule that has nothing but how all stand, and one that tells an alert alone."""
    texts: Any = catalogue("notices")
    added = {
        "late-boxes.digest": {"id": "{where} {period}: {open} belum: {names}", "en": "{where}: {open} open: {names}."},
        "late-boxes.raised": {"id": "{names} belum.", "en": "{names} is late."},
    }
    texts.update(added)
    yield texts
    for key in added:
        del texts[key]


@pytest.mark.parametrize(
    ("new", "standing", "expected"),
    [
        (("64.71", "64.72"), ("64.71", "64.72"), "Kalimantan Timur: 2 open: Kota Balikpapan, Kota Samarinda."),
        (
            ("64.72",),
            ("64.71", "64.72"),
            "Kota Samarinda is late. Kalimantan Timur: 2 open: Kota Balikpapan, Kota Sam",
        ),
        (("64.71", "64.72"), (), "Kota Balikpapan is late. Kota Samarinda is late."),
    ],
    ids=["all of them are new", "one is new", "ended since"],
)
def test_a_rule_with_few_texts(
    of_a_rule: dict[str, Any], new: tuple[str, ...], standing: tuple[str, ...], expected: str
) -> None:
    """What the standing says anyway is not said twice; what a rule has no text for is said with what it has."""
    told = told_of([raised(code, "late-boxes") for code in new], Standing(standing, {"open": len(standing)}))
    assert english(told).startswith(expected)


def test_many_without_a_text_for_many(of_a_rule: dict[str, Any]) -> None:
    """Ten sentences, and how many others there are."""
    del of_a_rule["late-boxes.digest"]
    text = english(told_of([raised(f"64.{n}", "late-boxes") for n in range(10, 25)], Standing((), {"open": 0})))
    of_a_rule["late-boxes.digest"] = {}
    assert text.count(" is late.") == 10
    assert text.endswith("and 5 others")


def test_a_series() -> None:
    """One rule, one period, one province; no period has a sign of its own."""
    assert digests.series_of(raised("64.72.01")) == SERIES
    assert digests.series_of({"rule": "logistics", "period": None, "region": "64.02"}) == "logistics:-:64"
