"""The pure parts of the pages and of the stream: what is said, what is counted, what is told to whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.aggregator.pages import routes, status
from services.aggregator.pages.overview import board_of, is_silent, row_of, supplies_of
from services.aggregator.pages.status import status_of
from services.aggregator.pages.words import Words
from services.aggregator.periods import levels
from services.aggregator.periods.periods import items, period_shown
from services.aggregator.rollups.stocks import Stocks, total
from services.aggregator.state.incidents import Status
from services.aggregator.stream.events import Event, Kind, Wanted, beat
from services.aggregator.stream.ring import Ring
from services.aggregator.stream.watcher import Watcher
from shared.election.config import Level
from shared.election.owing import Owing
from shared.events.incident import Severity
from shared.events.report import Condition
from shared.events.verdict import Verdict
from shared.http.etags import etag_of, is_among
from shared.http.pages import signing
from shared.texts import catalogue
from tests.builders import MONDAY, a_calendar, utc
from tests.texts_of_pages import unknown_and_idle

ROOT = Path(__file__).resolve().parents[2]
ID, EN = Words("id"), Words("en")
WITA = ZoneInfo("Asia/Makassar")


# Words


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(days=3, hours=14, minutes=50), "3 hari 14 jam"),
        (timedelta(hours=24), "1 hari 0 jam"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 jam 59 menit"),
        (timedelta(minutes=1, seconds=59), "1 menit"),
        (timedelta(seconds=-5), "0 menit"),  # clocks differ a little
    ],
)
def test_a_span_is_told_as_exactly_as_it_matters(span: timedelta, said: str) -> None:
    """Days with hours, hours with minutes."""
    assert ID.span(span) == said


def test_numbers_and_times_are_written_as_readers_write_them() -> None:
    """Indonesian with dots, English with commas and colons; always with the zone."""
    instant = utc("2024-11-18 02:05")
    assert (ID.number(2821202), EN.number(2821202)) == ("2.821.202", "2,821,202")
    assert ID.moment(instant, WITA) == "Senin, 18 November 2024, 10.05 WITA"
    assert EN.moment(instant, WITA) == "Monday, 18 November 2024, 10:05 WITA"
    assert [ID.short_moment(instant, ZoneInfo(f"Asia/{city}")) for city in ("Jakarta", "Makassar", "Jayapura")] == [
        "18 Nov, 09.05 WIB",
        "18 Nov, 10.05 WITA",
        "18 Nov, 11.05 WIT",
    ]
    assert (ID.known("condition", "later_version"), ID.verdict("later_version")) == ("later_version", "later_version")


# Keys of which only the first part stands in the code or a template -> what may follow.
FAMILIES: dict[str, list[str]] = {
    "notice": [f"{why}.{part}" for why in signing.REFUSED for part in ("title", "text")],
    "error": [f"{told}.{part}" for told in routes.TOLD for part in ("title", "text")],
    "status": [status.GOOD, status.BEHIND, status.STOPPED, status.UNKNOWN],
    "incident.flag": ["occurred", "reported"],
    "incident_status": list(Status),
    "severity": list(Severity),
    "condition": list(Condition),
    "level": list(Level),
    "topic": ["logistics", "security", "voters", "neutrality"],
}


def test_every_text_is_used_and_every_text_that_is_used_exists() -> None:
    """Those named in the templates and the code, and the families of which these name the first part."""
    assert unknown_and_idle("aggregator", frozenset(catalogue("pages")), FAMILIES) == (frozenset(), frozenset())


# The line of logistics


@pytest.mark.parametrize(
    ("now", "left"),
    [("2024-11-26 15:59:59", "0 menit"), ("2024-11-26 16:00", None), ("2024-11-23 02:00", "3 hari 14 jam")],
)
def test_the_countdown_ends_at_the_line(now: str, left: str | None) -> None:
    """And counts what is complete of what is expected: every item of every region that needs it."""
    boats = {"label": {"id": "Perahu", "en": "Boats"}, "regions": ["64.02"]}
    calendar = a_calendar(logistics={"boats": boats})
    by_item = {"ink": Stocks(3, 2, 50, 60), "drums": Stocks(1, 1, 5, 5)}
    found = supplies_of(ID, calendar, "64.71", by_item, ["64.02", "64.71", "64.72"], utc(now))
    known = len(calendar.election.logistics.items)
    assert (found.left, found.expected, found.stated, found.complete) == (left, 3 * (known - 1) + 1, 3, 2)
    assert {item.label: item.silent for item in found.items}["Tinta"] == 0
    assert {item.label: item.silent for item in found.items}["Perahu"] == 1
    assert found.items[-1].label == "drums"
    assert found.line == "Rabu, 27 November 2024, 00.00 WITA"


# Who has reported


def rows(verdicts: dict[str, str], filed: tuple[str, ...]) -> list[Any]:
    calendar = a_calendar()
    documents: list[dict[str, Any]] = [
        {
            "region": code,
            "verdict": verdict,
            "revision": 1,
            "reason": "x",
            "judged_at": utc("2024-11-19"),
            "verdicts": [],
            "due_at": utc("2024-11-18 16:00"),
            "report": None,
        }
        for code, verdict in verdicts.items()
    ]
    filing = {"received_at": utc("2024-11-18 01:00"), "condition": "normal"}
    facts = {code: {"filings": 1, "first": filing, "latest": filing} for code in filed}
    found = items(calendar, calendar.owing(MONDAY), documents, facts)
    return [
        row_of(ID, calendar, item, (2, 1) if item["region"] == "64.71" else (0, 0), Stocks(4, 3, 7, 9))
        for item in found
    ]


@pytest.mark.parametrize(
    ("verdicts", "filed", "silent"),
    [
        ({}, (), ["64.02", "64.71", "64.72"]),
        ({}, ("64.72",), ["64.02", "64.71"]),  # a fact counts before its verdict has come
        ({"64.72": "missing"}, ("64.72",), ["64.02", "64.71"]),  # and against one that is not corrected yet
        ({"64.72": "on_time", "64.71": "late", "64.02": "excused"}, (), []),
        ({"64.72": "undetermined", "64.71": "pending", "64.02": "missing"}, (), ["64.02", "64.71", "64.72"]),
    ],
)
def test_who_is_named_as_silent(verdicts: dict[str, str], filed: tuple[str, ...], silent: list[str]) -> None:
    """Whoever owes a report, has none in force, and is not excused."""
    assert [row.code for row in rows(verdicts, filed) if is_silent(row)] == silent


def test_who_excused_a_region_and_why_is_said() -> None:
    """A reason that a later version has written is told as it is, never an error."""
    excuse = {"id": "e1", "reason": "Banjir.", "by": "operator", "at": utc("2024-11-18 10:00")}
    assert ID.reason({"reason": "report_withdrawn", "excuse": None}) == "laporannya ditarik, tidak ada laporan lain"
    assert ID.reason({"reason": "by_an_act_of_god", "excuse": excuse}) == "by_an_act_of_god: Banjir. (operator)"


def test_a_board_counts_what_it_shows() -> None:
    """Verdicts in their order, open violations and logistics summed, the deadline in words."""
    found = rows({"64.72": "missing", "64.71": "on_time"}, ("64.71",))
    board = board_of(ID, a_calendar(), MONDAY, found, utc("2024-11-18 15:59"))
    assert (board.all.reported, len(board.all.rows), board.groups) == (1, 3, ())
    assert board.counts == (("on_time", 1), ("missing", 1), ("pending", 1))
    assert (board.due, board.is_due) == ("Selasa, 19 November 2024, 00.00 WITA", False)
    assert board_of(ID, a_calendar(), MONDAY, found, utc("2024-11-18 16:00")).is_due
    assert (board.all.open, board.all.quiet, board.all.stocks) == (2, 1, Stocks(12, 9, 21, 27))
    assert [row.first for row in board.all.rows] == ["", "18 Nov, 09.00 WITA", ""]
    assert total([]) == Stocks()
    assert not board_of(ID, a_calendar(), MONDAY, [], utc("2024-11-18 16:00")).is_judged


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        ("2024-11-18 15:59", date(2024, 11, 18)),
        ("2024-11-17 15:59", date(2024, 11, 11)),
        ("2024-11-17 16:00", date(2024, 11, 18)),  # Monday begins in WITA
        ("2024-01-01", date(2024, 11, 11)),
        ("2025-06-01", date(2024, 12, 16)),
    ],
)
def test_the_current_period_is_shown(now: str, shown: date) -> None:
    """The latest that has begun; before the first one that one, after the last one the last one."""
    assert period_shown(a_calendar(), utc(now)) == shown


# Health


@dataclass
class Consumer:
    status: str | None
    lag: int | None


@pytest.mark.parametrize(
    ("consumer", "level", "said"),
    [
        (Consumer(None, 0), "good", "Semua kiriman sudah terbaca"),
        (Consumer(None, 1200), "behind", "1.200 kiriman belum terbaca"),
        (Consumer(None, None), "unknown", "Belum diketahui apakah semua kiriman sudah terbaca"),
        (Consumer("poisoned", 0), "stopped", "Pembacaan kiriman terhenti: halaman ini mungkin tertinggal"),
    ],
)
def test_what_is_not_known_is_not_called_good(consumer: Consumer, level: str, said: str) -> None:
    """One line, honest."""
    now = utc("2024-11-18 02:00")
    found = status_of(ID, consumer, now - timedelta(minutes=7), now, WITA)
    assert (found.level, found.reading) == (level, said)
    assert found.newest == "Laporan atau insiden terakhir 18 Nov, 09.53 WITA (7 menit yang lalu)"
    assert status_of(ID, consumer, None, now, WITA).newest == "Belum ada laporan atau insiden"


# The stream


def told(*tokens: str, kind: Kind = Kind.REPORT, region: str | None = "64.72") -> list[Event]:
    return [Event(token, kind, region, f"{token};".encode()) for token in tokens]


def test_a_ring_forgets_the_oldest_and_knows_it() -> None:
    """What it reaches back to, it holds wholly."""
    ring = Ring("A0", most=3)
    ring.add(told("A1", "A2"), "A3")
    assert ([e.token for e in ring.after("A0")], ring.reaches("A0"), ring.reaches("9F")) == (["A1", "A2"], True, False)
    ring.add(told("A4", "A5"), "A5")
    assert (ring.begin, ring.end, ring.reaches("A0"), ring.reaches("A1")) == ("A1", "A5", False, True)
    assert [e.token for e in ring.after("A4")] == ["A5"]


async def test_what_is_taken_at_once_is_bounded() -> None:
    """It is a copy for one watcher, who may be slow; what waits is shared by all."""
    watcher = Watcher(Wanted(None, frozenset(Kind)), "A0")
    long = [Event(f"A{n}", Kind.REPORT, "64.72", b"x" * 40_000) for n in range(1, 6)]
    watcher.offer(long, "A5")
    assert [len(await watcher.take(0)) for _ in range(3)] == [80_000, 80_000, 40_000]


async def test_a_watcher_is_told_what_lies_after_its_position_once() -> None:
    """What another replica has told is skipped; signs of life carry the position along."""
    watcher = Watcher(Wanted("64", frozenset({Kind.REPORT})), "B2")
    watcher.welcome("B2")
    watcher.offer([*told("B1", "B2", "B3"), *told("B4", region=None), *told("B5", kind=Kind.ALERT)], "B6")
    assert (await watcher.take(0)).endswith(b"data: {}\n\nB3;")
    assert await watcher.take(0) == beat("B6") == b"id: B6\n: beat\n\n"
    watcher.offer([], "B3")  # a replica that is behind
    assert watcher.position == "B6"
    watcher.reset()
    assert await watcher.take(0) == b"id:\nevent: reset\ndata: {}\n\n"
    assert await watcher.take(0) == b": beat\n\n"
    watcher.end()
    assert await watcher.take(0) == b""


@pytest.mark.parametrize(
    ("header", "is_known"),
    [(None, False), ("", False), ('"other"', False), ("*", True), ('"other", {}', True), ("W/{}", True), ("{}", True)],
)
def test_etags_are_compared_weakly(header: str | None, is_known: bool) -> None:
    """RFC 9110, 13.1.2: `If-None-Match` takes lists, and validators that something in between has weakened."""
    etag = etag_of(b"{}")
    assert etag != etag_of(b"{} ")
    assert is_among(etag, header.format(etag) if header else header) is is_known


def test_every_verdict_has_a_look_of_its_own() -> None:
    """In the style sheet: a class each, with a sign of its own."""
    css = (ROOT / "services" / "aggregator" / "pages" / "desk.css").read_text(encoding="utf-8")
    signs = [re.search(rf"\.{verdict}::before {{ content: (\S+)", css) for verdict in Verdict]
    assert len({found[1] for found in signs if found}) == len(Verdict)


# Which regions are named


def owing_of(*levels: Level) -> Owing:
    rules = [{"level": level, "from": date(2024, 9, 30), "until": date(2024, 12, 16)} for level in levels]
    return a_calendar(reports=rules).owing(MONDAY)


@pytest.mark.parametrize(
    ("most", "named", "counted"),
    [
        (5, ["64.02", "64.71", "64.72", "64.72.01", "64.72.01.1001"], []),
        (4, ["64.02", "64.71", "64.72", "64.72.01"], [(Level.VILLAGE, 1, (("on_time", 1),), 1)]),
        (3, ["64.02", "64.71", "64.72"], [(Level.DISTRICT, 1, (("pending", 1),), 0)]),
        (2, [], [(Level.REGENCY, 3, (("missing", 1), ("pending", 2)), 0)]),
    ],
)
def test_whole_levels_are_named_from_the_top(
    monkeypatch: pytest.MonkeyPatch, most: int, named: list[str], counted: list[Any]
) -> None:
    """As many as fit; below the first that does not, all are counted, by verdict."""
    monkeypatch.setattr(levels, "MOST_NAMED", most)
    owed = owing_of(Level.REGENCY, Level.DISTRICT, Level.VILLAGE)
    found = levels.listed(owed, {"on_time": ["64.72.01.1001"], "missing": ["64.71"]})
    assert list(found.codes) == named
    assert len(found.codes) + sum(one.owed for one in found.sums) == 5
    assert [(s.level, s.owed, s.counts, s.reported) for s in found.sums][: len(counted)] == counted


def test_a_level_that_is_judged_and_owes_no_more_is_named() -> None:
    """A change of calendar never hides an earlier verdict."""
    found = levels.listed(owing_of(Level.REGENCY), {"missing": ["64.72.01"]})
    assert found.codes == ("64.02", "64.71", "64.72", "64.72.01")
