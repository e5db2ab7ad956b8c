"""Bodies that somebody sends by mistake or on purpose, as tables: what is sent, and which fields are named as wrong.

A row is tried over every call that it can concern. `TEXT`, `LINE` and `TIME` stand for a kind's own field of the sort.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.intake.examples import EXAMPLES, IN_PATH, PERIOD
from services.intake.submissions import KINDS

NOW = "2024-11-25T10:00:00+08:00"  # when all of them are sent: a Monday in the quiet period
# A report of the week before, which is known, for the withdrawals.
REPORTED = {**EXAMPLES["report"]["normal"]["value"], "period": PERIOD}

TEXT, LINE, TIME = "<text>", "<line>", "<time>"
OWN: Mapping[str, Mapping[str, str]] = {
    "report": {TEXT: "summary", LINE: "source_office", TIME: "submitted_at"},
    "withdrawal": {TEXT: "reason"},
    "incident": {TEXT: "description", LINE: "place", TIME: "occurred_at"},
    "incident_status": {TEXT: "note", LINE: "forwarded_to"},
    "logistics": {LINE: "source_office", TIME: "as_of"},
}
PATHS = {
    "report": "/v1/reports",
    "withdrawal": f"/v1/reports/{IN_PATH['withdrawal']['report']}/withdraw",
    "incident": "/v1/incidents",
    "incident_status": "/v1/incidents/{incident_agency}/{incident_id}/status".format_map(IN_PATH["incident_status"]),
    "logistics": "/v1/logistics",
}


def good(kind: str) -> dict[str, Any]:
    """A body that is accepted: the kind's fullest example."""
    bodies: list[dict[str, Any]] = [example["value"] for example in EXAMPLES[kind].values()]
    fullest = max(bodies, key=len)
    return dict(fullest)


@dataclass(frozen=True)
class Row:
    """One hostile body. `change` puts fields into a good one (`...` takes one out), `more` raw members at its end,
    `raw` makes all of its bytes."""

    name: str
    wrong: Mapping[str, str]
    change: Mapping[str, Any] = field(default_factory=dict)
    more: str = ""
    raw: Callable[[bytes], bytes] | None = None
    kinds: tuple[str, ...] = tuple(KINDS)

    def concerns(self, kind: str) -> bool:
        """Whether the kind has the fields that the row speaks of."""
        spoken_of = {*self.change, *(name.partition(".")[0] for name in self.wrong)}
        return kind in self.kinds and spoken_of & {TEXT, LINE, TIME} <= set(OWN[kind])

    def bytes_for(self, kind: str) -> bytes:
        own = OWN[kind]
        body = {**good(kind), **{own.get(name, name): value for name, value in self.change.items()}}
        sent = json.dumps({k: v for k, v in body.items() if v is not ...}).encode()
        if self.more:
            sent = sent[:-1] + b", " + self.more.encode() + b"}"
        return self.raw(sent) if self.raw else sent

    def wrong_for(self, kind: str) -> dict[str, str]:
        return {OWN[kind].get(name, name): code for name, code in self.wrong.items()}


def of(kinds: tuple[str, ...], *rows: Row) -> tuple[Row, ...]:
    """Rows that concern these kinds alone."""
    return tuple(replace(row, kinds=kinds) for row in rows)


def _body(code: str) -> dict[str, str]:
    return {"body": code}


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


NOT_OUR_JSON = (
    Row("empty body", _body("json_empty"), raw=lambda _: b""),
    Row("blank body", _body("json_empty"), raw=lambda _: b"  \n"),
    Row("no JSON", _body("json_syntax"), raw=lambda _: b"condition=normal"),
    Row("a form", _body("json_syntax"), raw=lambda _: b"region=64.72&condition=normal"),
    Row("a second document", _body("json_syntax"), raw=lambda sent: sent + sent),
    Row("two lines of NDJSON", _body("json_syntax"), raw=lambda sent: sent + b"\n" + sent),
    Row("trailing garbage", _body("json_syntax"), raw=lambda sent: sent + b";"),
    Row("trailing NUL", _body("json_syntax"), raw=lambda sent: sent + b"\0"),
    Row("trailing comma", _body("json_syntax"), raw=lambda sent: sent[:-1] + b",}"),
    Row("leading comma", _body("json_syntax"), raw=lambda sent: b"{," + sent[1:]),
    Row("cut off", _body("json_syntax"), raw=lambda sent: sent[:-1]),
    Row("a comment", _body("json_syntax"), raw=lambda sent: b"/* hi */" + sent),
    Row("single quotes", _body("json_syntax"), raw=lambda sent: sent.replace(b'"', b"'")),
    Row("byte order mark", _body("json_mark"), raw=lambda sent: b"\xef\xbb\xbf" + sent),
    Row("no-break space outside", _body("json_syntax"), raw=lambda sent: b"\xc2\xa0" + sent),
    Row("raw line break in a text", _body("json_syntax"), more='"x": "a\nb"'),
    Row("raw ESC in a text", _body("json_syntax"), more='"x": "a\x1bb"'),
    Row("bad escape", _body("json_syntax"), more=r'"x": "\x41"'),
    Row("number with a leading zero", _body("json_syntax"), more='"x": 007'),
    Row("number with a plus", _body("json_syntax"), more='"x": +1'),
    Row("hexadecimal number", _body("json_syntax"), more='"x": 0x10'),
    Row("undefined", _body("json_syntax"), more='"x": undefined'),
    Row("key without quotes", _body("json_syntax"), more="x: 1"),
    Row("an array around it", _body("json_object"), raw=lambda sent: b"[" + sent + b"]"),
    Row("a text around it", _body("json_object"), raw=lambda sent: json.dumps(sent.decode()).encode()),
    Row("null", _body("json_object"), raw=lambda _: b"null"),
    Row("a number", _body("json_object"), raw=lambda _: b"7"),
    Row("bad UTF-8", _body("json_utf8"), raw=lambda sent: sent[:-1] + b', "x": "\xff\xfe"}'),
    Row("overlong UTF-8", _body("json_utf8"), raw=lambda sent: sent[:-1] + b', "x": "\xc0\xaf"}'),
    Row("surrogate as UTF-8", _body("json_utf8"), raw=lambda sent: sent[:-1] + b', "x": "\xed\xa0\x80"}'),
    Row("half a character", _body("json_utf8"), raw=lambda sent: sent[:-1] + b', "x": "\xe2\x82"}'),
    Row("UTF-16", _body("json_utf8"), raw=lambda sent: sent.decode().encode("utf-16")),
    Row("UTF-32", _body("json_utf8"), raw=lambda sent: sent.decode().encode("utf-32")),
    Row("latin-1", _body("json_utf8"), raw=lambda sent: sent[:-1] + ', "x": "é"}'.encode("latin-1")),
    Row("compressed without saying so", _body("json_utf8"), raw=gzip.compress),
    Row("16 levels too deep", _body("json_depth"), more=f'"x": {_nested(16)}'),
    Row("1,000 levels", _body("json_depth"), more=f'"x": {_nested(1000)}'),
    Row("8,000 open brackets", _body("json_depth"), raw=lambda _: b"[" * 8_000),
    Row("2,000 objects", _body("json_depth"), more='"x": ' + '{"":' * 1_200 + "1" + "}" * 1_200),
    Row("1,500 values", _body("json_values"), more=f'"x": [{",".join("0" * 1_500)}]'),
    Row("1,000 unknown fields", _body("json_values"), more="".join(f'"{n:x}":0,' for n in range(1_000)) + '"": 0'),
    Row("lone surrogate in a text", _body("json_surrogate"), more=r'"x": "a\ud800b"'),
    Row("lone low surrogate", _body("json_surrogate"), more=r'"x": "\udc00"'),
    Row("surrogates the wrong way round", _body("json_surrogate"), more=r'"x": "\udc00\ud800"'),
    Row("lone surrogate in a key", _body("json_surrogate"), more=r'"\udfff": 1'),
)

_X = {"x": "extra_forbidden"}
NUMBERS_AND_KEYS = (
    Row("NaN", {**_body("json_number"), **_X}, more='"x": NaN'),
    Row("Infinity", {**_body("json_number"), **_X}, more='"x": Infinity'),
    Row("minus Infinity", {**_body("json_number"), **_X}, more='"x": -Infinity'),
    Row("1e999", {**_body("json_number"), **_X}, more='"x": 1e999'),
    Row("integer of 30 digits", {**_body("json_number"), **_X}, more=f'"x": {"9" * 30}'),
    Row("integer of 5,000 digits", _body("json_number"), more=f'"x": {"9" * 5000}'),
    Row("one beyond 2**53", {**_body("json_number"), **_X}, more=f'"x": {2**53}'),
    Row("as far below", {**_body("json_number"), **_X}, more=f'"x": -{2**53}'),
    Row("duplicate key", _body("json_duplicate_key"), more='"region": "64.71"'),
    Row("duplicate key, the same value", _body("json_duplicate_key"), more='"region": "64.72"'),
    Row("duplicate key by escape", _body("json_duplicate_key"), more=r'"r\u0065gion": "64.71"'),
    Row("duplicate id by escape", _body("json_duplicate_key"), more=r'"\u0069d": "other"'),
    Row("duplicate key of nulls", _body("json_duplicate_key"), change={"id": None}, more='"id": null'),
    Row("duplicate unknown key", {**_body("json_duplicate_key"), **_X}, more='"x": 1, "x": 1'),
)

COMMON_FIELDS = (
    Row("unknown field", {"sumary": "extra_forbidden"}, {"sumary": "x"}),
    Row("unknown field with a trick in it", {"a\ufffdb": "extra_forbidden"}, {"a\u202eb": 1}),
    Row("unknown field of 5,000 letters", {"k" * 80: "extra_forbidden"}, {"k" * 5_000: 1}),
    Row("an operator as field", {"$where": "extra_forbidden"}, {"$where": "1"}),
    Row("prototype as field", {"__proto__": "extra_forbidden"}, {"__proto__": {"x": 1}}),
    Row("kind, which is for batches", {"kind": "extra_forbidden"}, {"kind": "report"}),
    Row("no region", {"region": "missing"}, {"region": ...}),
    Row("unknown region", {"region": "region_unknown"}, {"region": "64.99"}),
    Row("unknown province", {"region": "region_unknown"}, {"region": "31"}),
    Row("a name as region", {"region": "region_syntax"}, {"region": "Samarinda"}),
    Row("Arabic digits", {"region": "region_syntax"}, {"region": "\u0666\u0664"}),
    Row("region with a line break", {"region": "region_syntax"}, {"region": "64.72\n"}),
    Row("region as number", {"region": "type_text"}, {"region": 64.72}),
    Row("region as operator", {"region": "type_text"}, {"region": {"$ne": ""}}),
    Row("region as list", {"region": "type_text"}, {"region": ["64.72"]}),
    Row("id with a slash", {"id": "slug"}, {"id": "a/b"}),
    Row("id with a line break", {"id": "slug"}, {"id": "a\n"}),
    Row("id with a look-alike", {"id": "slug"}, {"id": "lарoran"}),
    Row("id of dots", {"id": "id_dots"}, {"id": ".."}),
    Row("empty id", {"id": "slug"}, {"id": ""}),
    Row("id of 65", {"id": "slug"}, {"id": "a" * 65}),
    Row("id as number", {"id": "type_text"}, {"id": 7}),
)

TEXTS = (
    Row("NUL", {TEXT: "text_characters"}, {TEXT: "a\0b"}),
    Row("ESC", {TEXT: "text_characters"}, {TEXT: "a\x1b[31mb"}),
    Row("DEL", {TEXT: "text_characters"}, {TEXT: "a\x7fb"}),
    Row("C1 control", {TEXT: "text_characters"}, {TEXT: "a\x9bb"}),
    Row("line separator", {TEXT: "text_characters"}, {TEXT: "a\u2028b"}),
    Row("bidi override", {TEXT: "text_characters"}, {TEXT: "a\u202eb"}),
    Row("bidi isolate", {TEXT: "text_characters"}, {TEXT: "a\u2066b"}),
    Row("right-to-left mark", {TEXT: "text_characters"}, {TEXT: "a\u200fb"}),
    Row("byte order mark inside", {TEXT: "text_characters"}, {TEXT: "a\ufeffb"}),
    Row("private use", {TEXT: "text_characters"}, {TEXT: "a\ue000b"}),
    Row("private use of plane 16", {TEXT: "text_characters"}, {TEXT: "a\U0010fffdb"}),
    Row("noncharacter", {TEXT: "text_characters"}, {TEXT: "a\uffffb"}),
    Row("noncharacter of plane 1", {TEXT: "text_characters"}, {TEXT: "a\U0001fffeb"}),
    Row("hidden text of tags", {TEXT: "text_characters"}, {TEXT: "a\U000e0048\U000e0069"}),
    Row("annotation", {TEXT: "text_characters"}, {TEXT: "a\ufff9b"}),
    Row("9 marks on a letter", {TEXT: "text_marks"}, {TEXT: "k" + "\u0316" * 9}),
    Row("900 marks on a letter", {TEXT: "text_marks"}, {TEXT: "k" + "\u0345\u0334" * 450}),
    Row("marks behind a joiner", {TEXT: "text_marks"}, {TEXT: "z" + "\u0316" * 5 + "\u200d" + "\u0316" * 5}),
    Row("empty text", {TEXT: "text_blank"}, {TEXT: ""}),
    Row("blank text", {TEXT: "text_blank"}, {TEXT: " \n\t"}),
    Row("blank by Unicode", {TEXT: "text_blank"}, {TEXT: "\u2003\u3000"}),
    Row("nothing to be seen", {TEXT: "text_blank"}, {TEXT: "\u200b\u00ad\u3164\u2800\ufe0f"}),
    Row("too long", {TEXT: "text_too_long"}, {TEXT: "a" * 4_001}),
    Row("too long once normalised", {TEXT: "text_too_long"}, {TEXT: "\ufb2c" * 1_000 + "a" * 1_001}),
    Row("number as text", {TEXT: "type_text"}, {TEXT: 1}),
    Row("list as text", {TEXT: "type_text"}, {TEXT: ["a"]}),
    Row("true as text", {TEXT: "type_text"}, {TEXT: True}),
    Row("line break in a line", {LINE: "text_one_line"}, {LINE: "Loa Janan\nBcc: x@example.org"}),
    Row("tab in a line", {LINE: "text_one_line"}, {LINE: "Loa\tJanan"}),
    Row("line too long", {LINE: "text_too_long"}, {LINE: "a" * 201}),
    Row("line too long once normalised", {LINE: "text_too_long"}, {LINE: "\ufb2c" * 67}),
    Row("NUL in a line", {LINE: "text_characters"}, {LINE: "a\0b"}),
    Row("blank line", {LINE: "text_blank"}, {LINE: "\u2800"}),
)

TIMES = (
    Row("naive time", {TIME: "timezone_aware"}, {TIME: "2024-11-18T09:00:00"}),
    Row("time as number", {TIME: "time_syntax"}, {TIME: 1731891600}),
    Row("time as a number in quotes", {TIME: "time_syntax"}, {TIME: "1731891600"}),
    Row("time as 30 digits", {TIME: "time_syntax"}, {TIME: "9" * 30}),
    Row("a date alone", {TIME: "time_syntax"}, {TIME: "2024-11-18"}),
    Row("no seconds", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00+08:00"}),
    Row("no such hour", {TIME: "time_syntax"}, {TIME: "2024-11-18T25:00:00+08:00"}),
    Row("hour 24", {TIME: "time_syntax"}, {TIME: "2024-11-18T24:00:00+08:00"}),
    Row("leap second", {TIME: "time_syntax"}, {TIME: "2016-12-31T23:59:60Z"}),
    Row("30 February", {TIME: "time_syntax"}, {TIME: "2024-02-30T09:00:00+08:00"}),
    Row("month 13", {TIME: "time_syntax"}, {TIME: "2024-13-01T09:00:00+08:00"}),
    Row("year 0", {TIME: "time_syntax"}, {TIME: "0000-01-01T00:00:00Z"}),
    Row("year of five digits", {TIME: "time_syntax"}, {TIME: "12024-11-18T09:00:00Z"}),
    Row("negative year", {TIME: "time_syntax"}, {TIME: "-2024-11-18T09:00:00Z"}),
    Row("offset of 24 hours", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00:00+24:00"}),
    Row("offset with seconds", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00:00+08:00:30"}),
    Row("offset by name", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00:00 WITA"}),
    Row("American", {TIME: "time_syntax"}, {TIME: "11/18/2024 09:00 AM"}),
    Row("10 digits of a second", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00:00.0123456789Z"}),
    Row("60,000 digits of a second", {TIME: "time_syntax"}, {TIME: f"2024-11-18T09:00:00.{'1' * 6_000}Z"}),
    Row("Arabic digits in a time", {TIME: "time_syntax"}, {TIME: "٢٠٢٤-11-18T09:00:00Z"}),
    Row("NUL in a time", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00:00Z\0"}),
    Row("line break after a time", {TIME: "time_syntax"}, {TIME: "2024-11-18T09:00:00Z\n"}),
    Row("empty time", {TIME: "time_syntax"}, {TIME: ""}),
    Row("time as object", {TIME: "time_syntax"}, {TIME: {"$date": 0}}),
    Row("year 1", {TIME: "time_far_off"}, {TIME: "0001-01-01T00:00:00+08:00"}),
    Row("year 9999", {TIME: "time_far_off"}, {TIME: "9999-12-31T23:59:59-12:00"}),
    Row("year 1600", {TIME: "time_far_off"}, {TIME: "1600-01-01T00:00:00Z"}),
    Row("1969 in UTC", {TIME: "time_far_off"}, {TIME: "1970-01-01T07:59:59.999999+08:00"}),
    Row("2100 in UTC", {TIME: "time_far_off"}, {TIME: "2099-12-31T23:00:00-01:00"}),
)
