"""Why a record is no event: where and what, and nothing of what its writer put into it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events.codec import BadEvent, decode, encode
from shared.topics import INCIDENTS, LOGISTICS
from tests.builders import a_stock, utc

PERSON = "Ibu Siti 0812-3456-7890"
STOCK: dict[str, Any] = json.loads(encode(a_stock(utc("2024-11-18"))))

REASONS = [
    (INCIDENTS.name, {"type": PERSON}, "type: none that this topic carries"),
    (LOGISTICS.name, {**STOCK, PERSON: PERSON}, "value: a field that is not known"),
    (LOGISTICS.name, {**STOCK, "data": {**STOCK["data"], PERSON: 1}}, "data: a field that is not known"),
    (LOGISTICS.name, {**STOCK, "data": {**STOCK["data"], "required": PERSON}}, "data.required: Input should be a val"),
    (LOGISTICS.name, {**STOCK, "type": PERSON}, "type: Input should be 'desk.logistics.v1'"),
    (LOGISTICS.name, {**STOCK, "time": PERSON}, "time: must be an RFC 3339 time"),
    (LOGISTICS.name, PERSON, "value: Input should be an object"),
]


@pytest.mark.parametrize(("topic", "value", "expected"), REASONS)
def test_a_reason_quotes_nothing(topic: str, value: Any, expected: str) -> None:
    """It goes to logs, and to whoever looks at dead letters first; the record itself is beside it."""
    with pytest.raises(BadEvent) as caught:
        decode(topic, json.dumps(value).encode())
    assert str(caught.value).startswith(expected)
    assert PERSON not in str(caught.value)
