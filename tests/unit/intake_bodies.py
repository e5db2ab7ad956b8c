"""Bodies of all kinds for properties: good ones in every spelling, and bytes that are nearly good."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from services.intake.examples import EXAMPLES, IN_PATH
from services.intake.submissions import KINDS
from services.intake.submissions.checks import Receipt
from shared.election.loaded import load_calendar

KALTIM = Path(__file__).resolve().parents[2] / "deploy" / "elections" / "kaltim-2024.yaml"
CALENDAR = load_calendar(KALTIM, None, None)
RECEIPT = Receipt(CALENDAR, datetime(2024, 11, 25, 2, tzinfo=UTC))
KIND = st.sampled_from(sorted(KINDS))
EXAMPLE: Mapping[str, dict[str, Any]] = {
    kind: dict(list(examples.values())[-1]["value"]) for kind, examples in EXAMPLES.items()
}

SLUGS = st.from_regex(r"\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\Z")
_LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cf", "Cn", "Zl", "Zp", "Mn", "Me"])
TEXTS = st.text(_LETTERS, max_size=30).map(lambda text: f'a{text}é\n,:"\\')
LINES = st.text(_LETTERS, max_size=30).map(lambda text: f"{text}b")
INSTANTS = st.datetimes(datetime(2000, 1, 2), datetime(2024, 11, 25), timezones=st.just(UTC))  # noqa: DTZ001
_URLS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='<>"'), min_size=1)
_EVIDENCE = st.fixed_dictionaries(
    {"url": _URLS.map(lambda rest: f"https://{rest}")}, optional={"sha256": st.none() | st.just("0f" * 32)}
)
_OPTIONAL = {"id": st.none() | SLUGS}
_REGIONS = st.sampled_from(["64", "64.72", "64.02", "64.72.01", "64.72.01.1001"])
_OFFICE = {"source_office": st.none() | LINES}
_PERIODS = st.none() | st.sampled_from(["2024-10-07", "2024-11-18", "2024-11-25", "2024-12-02"])
_FIELDS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "report": (
        {"condition": st.sampled_from(["normal", "attention", "critical"]), "summary": TEXTS},
        {
            "period": _PERIODS,
            "submitted_at": st.none() | INSTANTS,
            "replaces": st.none() | SLUGS.map(lambda slug: slug[:60] + "old"),
            "topics": st.none() | st.dictionaries(SLUGS, TEXTS, min_size=1, max_size=3),
            **_OFFICE,
        },
    ),
    "withdrawal": ({"reason": TEXTS, "period": st.just("2024-11-18")}, {}),
    "incident": (
        {
            "category": st.sampled_from(sorted(CALENDAR.election.categories)),
            "occurred_at": INSTANTS,
            "description": TEXTS,
        },
        {
            "severity": st.none() | st.sampled_from(["low", "medium", "high", "critical"]),
            "place": st.none() | LINES,
            "polling_station": st.none() | LINES,
            "reported_party": st.none() | LINES,
            "evidence": st.none() | st.lists(_EVIDENCE, min_size=1, max_size=3),
            **_OFFICE,
        },
    ),
    "incident_status": (
        {"status": st.sampled_from(["verified", "dismissed", "forwarded", "resolved"])},
        {"note": st.none() | TEXTS, "forwarded_to": st.none() | LINES},
    ),
    "logistics": (
        {
            "item": st.sampled_from(sorted(CALENDAR.election.logistics.items)),
            "required": st.integers(0, 10**9),
            "received": st.integers(0, 10**9),
            "as_of": INSTANTS,
        },
        _OFFICE,
    ),
}


def bodies(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Good bodies of a kind, times as datetimes: `spelled` makes bytes of one."""
    required, optional = _FIELDS[kind]
    drawn = st.fixed_dictionaries({"region": _REGIONS, **required}, optional={**_OPTIONAL, **optional})
    return drawn.map(_with_a_period)


def _with_a_period(body: dict[str, Any]) -> dict[str, Any]:
    """A correction of a report that nobody knows says for which Monday it is."""
    return {**body, "period": body.get("period") or "2024-11-18"} if body.get("replaces") else body


@st.composite
def spelled(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """One of the many ways to write the same content: order, escapes, blanks, offsets, normal forms, nulls."""
    fields = {name: _respelled(draw, value) for name, value in body.items()}
    for name in _optional_of(body):
        if fields.get(name) is None and draw(st.booleans()):
            fields[name] = draw(st.sampled_from([None, *_NOTHING.get(name, [])]))
        elif fields.get(name, ...) is None:
            del fields[name]
    order = draw(st.permutations(sorted(fields)))
    return _dumped(draw, {name: fields[name] for name in order})


_NOTHING: Mapping[str, list[Any]] = {"topics": [{}], "evidence": [[]]}


def _optional_of(body: dict[str, Any]) -> list[str]:
    kind = next(k for k, (required, _) in _FIELDS.items() if required.keys() <= body.keys())
    return [*_OPTIONAL, *_FIELDS[kind][1]]


def _respelled(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, datetime):
        offset = draw(st.integers(-23 * 60, 23 * 60))
        return value.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    if isinstance(value, str):
        return unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), value)
    if isinstance(value, dict):
        return {k: _respelled(draw, value[k]) for k in draw(st.permutations(sorted(value)))}
    return [_respelled(draw, inner) for inner in value] if isinstance(value, list) else value


def _dumped(draw: st.DrawFn, fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 2])))
    if draw(st.booleans()):
        text = text.replace('"region"', '"r\\u0065gion"').replace('"64', '"\\u00364', 1)
    return text.encode()


_PIECES = [
    *(bytes([sign]) for sign in b'"\\{}[]:, \n0-'),
    *(b"1e5", b"NaN", b"null", b"true", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"99999"),
    *(b"\\u0000", b"\\ud800", b"\\u0061", b'""', b'"":""', b'"id":"b",', b'"region":"64",'),
    *(b'"r\\u0065gion":"64",', b',"summary":"b"', b'"topics":{"a":"b","a":"c"},', b'"period":null,'),
    *(b'"evidence":[{"url":"https://a","url":"https://b"}],', b'"report":"x",', b'"received":1,', b'"received":1.0,'),
]


@st.composite
def nearly_good(draw: st.DrawFn, kind: str) -> bytes:
    """The bytes of a good body with pieces put in, taken out or repeated."""
    raw = draw(bodies(kind).flatmap(spelled))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        to = draw(st.integers(at, min(len(raw), at + 30)))
        put = draw(st.sampled_from(_PIECES) | st.just(raw[at:to]) | st.just(b"," + raw[at:to]))
        raw = draw(st.sampled_from([raw[:at] + put + raw[at:], raw[:at] + put + raw[to:], raw[:at] + raw[to:]]))
    return raw


def path_of(kind: str) -> Mapping[str, str] | None:
    return IN_PATH.get(kind)
