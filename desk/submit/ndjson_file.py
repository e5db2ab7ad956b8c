"""Files of JSON lines, pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from desk.submit.ids import Ids
from desk.submit.items import PROBLEM, PROBLEM_FIELDS, PROBLEM_LINE, Item, lines_of
from shared.strict_json import BadJson, parse_json

# Without an id intake makes one of the report's id: the same for every try, on whatever day.
_WITHDRAWAL = ("withdrawal", "withdrawals")
_MARKS = tuple(map(str.encode, PROBLEM_FIELDS))


class NdjsonFile:
    """A FileFormat. `kind` is that of all lines, if the command says so."""

    media_type = "application/x-ndjson"
    suffix = ".ndjson"

    def __init__(self, kind: str | None = None) -> None:
        self._kind = kind

    def items(self, pieces: Iterable[bytes], ids: Ids) -> Iterator[Item]:
        for line in lines_of(pieces):
            raw = (line.raw or b"").strip()
            if raw and (wire := self._wire(raw, ids)) is not None:
                yield Item(line.number, raw, wire)

    def head(self) -> bytes:
        return b""

    def refused_head(self) -> bytes:
        return b""

    def refused(self, item: Item, problem: str) -> bytes:
        """The reason goes into the object; what is no object stands below a line with the reason alone."""
        said = {PROBLEM: problem, PROBLEM_LINE: item.number}
        try:
            return orjson.dumps({**said, **_submission(item.raw)}) + b"\n"
        except (BadJson, orjson.JSONEncodeError):
            return orjson.dumps(said) + b"\n" + item.raw + b"\n"

    def _wire(self, raw: bytes, ids: Ids) -> bytes | None:
        """The line with an id; None for one that only says why the next one was refused. What is no JSON as intake
        takes it goes as it is: intake says what is wrong with it."""
        is_marked = any(mark in raw for mark in _MARKS)
        try:
            sent = _submission(raw)
            if not sent:
                return None if is_marked else raw
            if sent.get("id") is None and sent.get("kind", self._kind) not in _WITHDRAWAL:
                content = {name: value for name, value in sent.items() if name != "id"}
                return orjson.dumps({"id": ids.of({"kind": self._kind, **content}), **content})
            return orjson.dumps(sent) if is_marked else raw
        except (BadJson, orjson.JSONEncodeError):
            return raw


def _submission(raw: bytes) -> dict[str, Any]:
    """The object in a line, without what says why it was refused. Raises BadJson."""
    return {name: value for name, value in parse_json(raw).items() if name not in PROBLEM_FIELDS}
