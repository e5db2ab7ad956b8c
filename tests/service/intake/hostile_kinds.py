"""The tables of `hostile_bodies.py`, continued: what concerns one kind or two, and what is odd and right."""

from __future__ import annotations

import json
from typing import Any

from tests.service.intake.hostile_bodies import LINE, REPORTED, TEXT, TIME, Row, of


def _twice(sent: bytes) -> bytes:
    return sent.replace(b'"TWICE"', b'"https://a/", "url": "https://b/"')


def _addresses(*urls: str) -> dict[str, Any]:
    return {"evidence": [{"url": url} for url in urls]}


def _hashed(digest: str) -> dict[str, Any]:
    return {"evidence": [{"url": "https://a/", "sha256": digest}]}


OF_ONE_KIND = (
    *of(
        ("report",),
        Row("unknown condition", {"condition": "enum"}, {"condition": "fine"}),
        Row("condition in capitals", {"condition": "enum"}, {"condition": "NORMAL"}),
        Row("null in a required field", {"condition": "enum"}, {"condition": None}),
        Row("corrects what nobody knows", {"period": "correction_period"}, {"replaces": "never-sent", "period": ...}),
        Row(
            "corrects last week's as this week's",
            {"period": "correction_other_period"},
            {"replaces": REPORTED["id"], "region": REPORTED["region"], "period": "2024-11-25"},
        ),
        Row("replaces itself", {"replaces": "replaces_itself"}, {"id": "r1", "replaces": "r1"}),
        Row("section with a bad name", {"topics.a b": "slug"}, {"topics": {"a b": "x"}}),
        Row("section named by a trick", {"topics.a\ufffdb": "slug"}, {"topics": {"a\u202eb": "x"}}),
        Row("blank section", {"topics.a": "text_blank"}, {"topics": {"a": " "}}),
        Row("21 sections", {"topics": "too_many"}, {"topics": {f"s{n}": "x" for n in range(21)}}),
        Row("sections as list", {"topics": "type_object"}, {"topics": ["x"]}),
        Row("a section within one", {"topics.a": "type_text"}, {"topics": {"a": {"b": "x"}}}),
        Row("period with a time", {"period": "date_syntax"}, {"period": "2024-11-18T00:00:00Z"}),
        Row("period in year 1", {"period": "time_far_off"}, {"period": "0001-01-01"}),
        Row(
            "duplicate key in topics",
            {"body": "json_duplicate_key"},
            {"topics": ...},
            '"topics": {"a": "1", "a": "2"}',
        ),
        Row("topics twice", {"body": "json_duplicate_key"}, more='"topics": {"a": "1"}'),
        Row(
            "many at once",
            {
                "region": "region_unknown",
                "condition": "enum",
                "summary": "text_blank",
                "period": "period_weekday",
                "x": "extra_forbidden",
            },
            {"region": "64.99", "condition": "x", "summary": " ", "period": "2024-11-19", "x": 1},
        ),
    ),
    *of(
        ("report", "withdrawal"),
        Row("a Tuesday", {"period": "period_weekday"}, {"period": "2024-11-19"}),
        Row("Monday after next", {"period": "period_future"}, {"period": "2024-12-09"}),
        Row("period in quotes", {"period": "date_syntax"}, {"period": "1731888000"}),
        Row("period as number", {"period": "date_syntax"}, {"period": 20241118}),
    ),
    *of(
        ("withdrawal",),
        Row("period in year 9999", {"period": "time_far_off"}, {"period": "9999-12-31"}),
        Row("no reason", {"reason": "missing"}, {"reason": ...}),
        Row("the report's other region", {"region": "meant_other_region"}, {"region": "64.71"}),
        Row("the report's other week", {"period": "meant_other_period"}, {"period": "2024-11-11"}),
        Row(
            "the report's other place and week",
            {"region": "meant_other_region", "period": "meant_other_period"},
            {"region": "64.71", "period": "2024-11-25"},
        ),
        Row("field of the path", {"report": "in_path"}, more='"report": "other"'),
        Row("field of the path by escape", {"report": "in_path"}, more=r'"r\u0065port": "other"'),
        Row(
            "field of the path, and a wrong one",
            {"report": "in_path", "reason": "type_text"},
            {"report": "r1", "reason": 7},
        ),
    ),
    *of(
        ("incident",),
        Row("misspelt category", {"category": "category_unknown"}, {"category": "money_politic"}),
        Row("wild category", {"category": "category_unlisted"}, {"category": "zzz"}),
        Row("category as list", {"category": "type_text"}, {"category": ["x"]}),
        Row("future", {"occurred_at": "occurred_future"}, {"occurred_at": "2024-11-25T10:10:01+08:00"}),
        Row("no time", {"occurred_at": "time_syntax"}, {"occurred_at": None}),
        Row("script", {"evidence.0.url": "address_syntax"}, _addresses("javascript:alert(1)")),
        Row("file", {"evidence.0.url": "address_syntax"}, _addresses("file:///etc/passwd")),
        Row("tag in an address", {"evidence.0.url": "address_syntax"}, _addresses("https://a/<script>")),
        Row("bidi in an address", {"evidence.0.url": "text_characters"}, _addresses("https://a/\u202e")),
        Row("long address", {"evidence.0.url": "text_too_long"}, {"evidence": [{"url": "https://" + "a" * 2_000}]}),
        Row("short hash", {"evidence.0.sha256": "sha256"}, _hashed("00")),
        Row("hash in capitals", {"evidence.0.sha256": "sha256"}, _hashed("A" * 64)),
        Row("unknown below", {"evidence.0.x": "extra_nested"}, {"evidence": [{"url": "https://a/", "x": 1}]}),
        Row("no address", {"evidence.1.url": "missing"}, {"evidence": [{"url": "https://a/"}, {}]}),
        Row("21 pieces of evidence", {"evidence": "too_many"}, {"evidence": [{"url": "https://a/"}] * 21}),
        Row("evidence as text", {"evidence": "type_list"}, {"evidence": "https://a/"}),
        Row("evidence as texts", {"evidence.0": "type_object"}, {"evidence": ["https://a/"]}),
        Row("severity as number", {"severity": "enum"}, {"severity": 3}),
        Row("duplicate key in evidence", {"body": "json_duplicate_key"}, _addresses("TWICE"), raw=_twice),
    ),
    *of(
        ("logistics",),
        Row("far future", {"as_of": "occurred_future"}, {"as_of": "2099-12-31T23:59:59Z"}),
        Row("1999 in UTC", {"as_of": "time_far_off"}, {"as_of": "2000-01-01T00:00:00+08:00"}),
        Row("misspelt item", {"item": "item_unknown"}, {"item": "ballot_box"}),
        Row("wild item", {"item": "item_unlisted"}, {"item": "zzz"}),
        Row("item as operator", {"item": "type_text"}, {"item": {"$gt": ""}}),
        Row("negative pieces", {"received": "number_too_small"}, {"received": -1}),
        Row("too many pieces", {"received": "number_too_large"}, {"received": 10**9 + 1}),
        Row("half a piece", {"received": "type_whole"}, {"received": 0.5}),
        Row("pieces as a float", {"received": "type_whole"}, {"received": 180.0}),
        Row("pieces in quotes", {"required": "type_whole"}, {"required": "296"}),
        Row("pieces as true", {"required": "type_whole"}, {"required": True}),
        Row("no pieces", {"required": "type_whole", "received": "missing"}, {"required": None, "received": ...}),
        Row("NaN in a field", {"body": "json_number", "received": "type_whole"}, {"received": float("nan")}),
        Row("30 digits in a field", {"body": "json_number", "required": "number_too_large"}, {"required": 10**29}),
    ),
    *of(
        ("incident", "logistics"),
        Row("a report's field", {"condition": "extra_forbidden"}, {"condition": "normal"}),
    ),
    *of(
        ("incident_status",),
        Row("unknown status", {"status": "enum"}, {"status": "reported"}),
        Row("field of the path, the same", {"incident_id": "in_path"}, more='"incident_id": "apk-0017"'),
    ),
)

# Odd, and right: 202, and every consumer can count it.
ODD_BUT_GOOD = (
    Row("no blanks", {}, raw=lambda sent: json.dumps(json.loads(sent), separators=(",", ":")).encode()),
    Row(
        "blanks everywhere", {}, raw=lambda sent: b"\r\n\t " + json.dumps(json.loads(sent), indent=8).encode() + b"\n"
    ),
    Row("all letters escaped", {}, raw=lambda sent: _escaped(json.loads(sent))),
    Row("colons and brackets in a text", {}, {TEXT: '":{[' * 900 + "\\"}),
    Row("1,500 commas in a text", {}, {TEXT: "," * 1_500}),
    Row("look-alikes", {}, {TEXT: "Ѕаmаrіndа аmаn."}),
    Row("other scripts", {}, {TEXT: "ᮞᮥᮔ᮪ᮓ ꦗꦮ 中文 العربية हिन्दी"}),
    Row("emoji", {}, {TEXT: "👍🏽 👨‍👩‍👧‍👦 🇮🇩 1️⃣"}),
    Row("emoji of a later Unicode", {}, {TEXT: "\U0001fae8 \U0001fae9"}),
    Row("8 marks on a letter", {}, {TEXT: "z" + "\u0316" * 8}),
    Row("decomposed", {}, {TEXT: "Kafé tutup"}),
    Row("grows when normalised", {}, {TEXT: "\ufb2c" * 100 + "\u0958"}),
    Row("line breaks", {}, {TEXT: "satu\r\ndua\n\ttiga"}),
    Row("the longest text", {}, {TEXT: "a" * 4_000}),
    Row("a script", {}, {TEXT: "<script>alert(1)</script> {{7*7}} ${x} %00 ' OR 1=1"}),
    Row("a formula", {}, {LINE: "=HYPERLINK(A1)"}),
    Row("id of 64 in all signs", {}, {"id": "Az09._-" + "x" * 57}),
    Row("no id", {}, {"id": ...}),
    Row("null id", {}, {"id": None}),
    Row("nanoseconds and small letters", {}, {TIME: "2024-11-18t09:00:00.123456789z"}),
    Row("offset unknown", {}, {TIME: "2024-11-18 01:00:00-00:00"}),
    Row("offset almost a day", {}, {TIME: "2024-11-18T23:59:59+23:59"}),
    *of(
        ("report",),
        Row("section named by dots", {}, {"topics": {".": "a", "a.b": "c", "_id": "d"}}),
        Row("20 sections", {}, {"topics": {f"s{n}": "x" for n in range(20)}}),
    ),
    *of(
        ("incident",),
        Row("20 pieces of evidence", {}, {"evidence": [{"url": "https://a/"}] * 20}),
        Row("nothing in lists", {}, {"evidence": []}),
    ),
    *of(
        ("logistics",),
        Row("minus zero", {}, raw=lambda sent: sent.replace(b"180", b"-0")),
        Row("more than required", {}, {"received": 10**9}),
    ),
)


def _escaped(value: Any) -> bytes:
    """JSON whose texts are escapes alone."""
    if isinstance(value, dict):
        return b"{" + b",".join(_escaped(k) + b":" + _escaped(v) for k, v in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_escaped, value)) + b"]"
    if isinstance(value, str):
        return b'"' + b"".join(b"\\u%04x" % unit for unit in _utf_16(value)) + b'"'
    return json.dumps(value).encode()


def _utf_16(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
