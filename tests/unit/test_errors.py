"""What is said of an error: enough to act on, nothing of what it quotes."""

from __future__ import annotations

import pytest
from bson.errors import InvalidDocument
from pydantic import BaseModel, ValidationError
from pymongo.errors import BulkWriteError, DuplicateKeyError, ServerSelectionTimeoutError

from shared.errors import LONGEST, said, told_in_full

PERSON = "Ibu Siti, 0812-3456-7890"


class Report(BaseModel):
    summary: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Report.model_validate({"summary": PERSON})
    return caught.value


SAID = [
    (BulkWriteError({"writeErrors": [{"code": 11000, "op": {"summary": PERSON}}]}), "BulkWriteError: 65"),
    (DuplicateKeyError(f"dup key: {PERSON}", 11000, {"keyValue": {"_id": PERSON}}), "DuplicateKeyError: 11000"),
    (ServerSelectionTimeoutError("mongo:27017: refused"), "ServerSelectionTimeoutError: mongo:27017: refused"),
    (InvalidDocument(f"cannot encode {PERSON}"), "InvalidDocument"),
    (invalid(), "ValidationError: summary: int_parsing"),
    (ValueError("a report needs a region"), "ValueError: a report needs a region"),
    (OSError("http://desk:s3cret@proxy:80/ is away"), "OSError: http://***@proxy:80/ is away"),
    (RuntimeError(), "RuntimeError"),
]


@pytest.mark.parametrize(("error", "expected"), SAID)
def test_said(error: Exception, expected: str) -> None:
    """The type always; its words where they are its own, else the code or the field."""
    assert said(error) == expected


def test_a_traceback_says_no_more() -> None:
    """Where it happened, and what it came from, cause by cause; each error in the same words."""
    try:
        try:
            raise invalid()
        except ValidationError as inner:
            raise ExceptionGroup("both", [ValueError("one"), inner]) from inner
    except ExceptionGroup as error:
        told = told_in_full(error)
    assert PERSON not in told
    assert "ValidationError: summary: int_parsing" in told
    assert "That led to:" in told
    assert "ValueError: one" in told
    assert "raise ExceptionGroup" in told


def test_said_is_bounded() -> None:
    """A log line is no place for a megabyte."""
    assert len(said(ValueError("x" * 10_000))) == LONGEST
