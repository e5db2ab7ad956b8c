"""Which JSON passes, and what it costs to say no."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.strict_json import MAX_DEPTH, MAX_VALUES, MAX_WHOLE, BadJson, Outline, parse_json

KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
WHOLE = st.integers(-MAX_WHOLE, MAX_WHOLE)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def keys_in(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(keys_in, value.values()))
    return sum(map(keys_in, value)) if isinstance(value, list) else 0


def reason(raw: bytes) -> str:
    with pytest.raises(BadJson) as caught:
        parse_json(raw)
    return caught.value.reason


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.booleans(), st.sampled_from([None, 0, 3]))
def test_plain_objects_pass(sent: dict[str, Any], is_ascii: bool, indent: int | None) -> None:
    """An object of bounded numbers and depth is what it was, however it is written, and its keys are counted."""
    raw = json.dumps(sent, ensure_ascii=is_ascii, indent=indent).encode()
    assert parse_json(raw) == sent
    assert Outline(raw).keys == keys_in(sent)


@given(st.binary(max_size=80) | st.text('{}[]":,\\ 0Ee.-nut\ud7ff', max_size=60).map(str.encode))
def test_any_bytes_have_an_answer(raw: bytes) -> None:
    """An object, or a reason; never another exception. What passes passes any other parser too."""
    try:
        sent = parse_json(raw)
    except BadJson:
        return
    assert json.loads(raw) == sent


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{" + b'"a":' * 3 + b"1}", "json_syntax"),
        (b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}", None),
        (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "json_depth"),
        (b'{"a": "' + b"[" * 100 + b'"}', None),
        (b'{"a": "\\"' + b"[" * 100 + b'"}', None),
        (b'{"a": [' + b",".join([b"0"] * MAX_VALUES) + b"]}", None),
        (b'{"a": [' + b",".join([b"0"] * (MAX_VALUES + 1)) + b"]}", "json_values"),
        (b'{"a": "' + b"," * 5_000 + b'"}', None),
        (b'{"a": %d, "b": %d}' % (MAX_WHOLE, -MAX_WHOLE), None),
        (b'{"a": %d}' % (MAX_WHOLE + 1), "json_number"),
        (b'{"a": %d}' % -(MAX_WHOLE + 1), "json_number"),
        (b'{"a": ' + b"9" * 60_000 + b"}", "json_number"),
        (b'{"a": ' + b"9" * 30_000 + b"." + b"9" * 30_000 + b"}", "json_number"),
        (b'{"a": 1e309}', "json_number"),
        (b'{"a": 1e-400}', None),
        (b'{"a": 1, "\\u0061": 2}', "json_duplicate_key"),
        (b'{"": 1, "": 2}', "json_duplicate_key"),
        (b'[{"a": 1}]', "json_object"),
        (b"\xef\xbb\xbf{}", "json_mark"),
        (b" \n", "json_empty"),
    ],
)
def test_bounds(raw: bytes, why: str | None) -> None:
    """Exact at each bound."""
    if why is None:
        parse_json(raw)
    else:
        assert reason(raw) == why


SIZE = 64 * 1024
COSTLY = {
    "brackets": b"[" * SIZE,
    "brackets closed": b'{"a":' + b"[" * (SIZE // 2) + b"]" * (SIZE // 2) + b"}",
    "pairs of brackets": b"[]" * (SIZE // 2),
    "objects": b'{"a":' * (SIZE // 5),
    "commas": b"[" + b"0," * (SIZE // 2),
    "quotes": b'"' * SIZE,
    "escaped quotes without an end": b'"' + b'\\"' * (SIZE // 2),
    "backslashes without an end": b'"' + b"\\" * SIZE,
    "strings without an end": b'"a\\' * (SIZE // 3),
    "a number": b'{"a":' + b"9" * SIZE,
    "line breaks": b"\n" * SIZE + b"x",
    "keys": b"{" + b",".join(b'"%x":0' % n for n in range(8_000)) + b"}",
    "one key": b"{" + b",".join([b'"a":0'] * 10_000) + b"}",
}


@pytest.mark.parametrize("raw", COSTLY.values(), ids=COSTLY.keys())
def test_no_bytes_cost_much(raw: bytes) -> None:
    """64 KB of anything are refused within some milliseconds (measured: 7 at most; the bound is generous)."""
    began = time.process_time()
    reason(raw)
    assert time.process_time() - began < 0.2


def test_cost_grows_with_the_length_alone() -> None:
    """Strings that do not end are looked through once, not once from each quote: 16 times the bytes are quick too."""
    began = time.process_time()
    for piece in (b'\\"', b'"a\\', b'"', b"\\"):
        Outline(b'"' + piece * (16 * SIZE // len(piece))).check()
    assert time.process_time() - began < 2
