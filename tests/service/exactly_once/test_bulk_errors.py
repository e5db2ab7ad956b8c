"""Which failures of a bulk write may be passed over."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import BulkWriteError

from shared.mongo import is_duplicates_only

DUPLICATE, REFUSED, UNCONFIRMED = {"code": 11000}, {"code": 121}, {"code": 50}


@pytest.mark.parametrize(
    ("failed", "unconfirmed", "expected"),
    [
        ([DUPLICATE], [], True),
        ([DUPLICATE, REFUSED], [], False),
        ([], [UNCONFIRMED], False),
        ([DUPLICATE], [UNCONFIRMED], False),
    ],
)
def test_only_duplicate_keys_are_passed_over(
    failed: list[dict[str, Any]], unconfirmed: list[dict[str, Any]], expected: bool
) -> None:
    """A write that a majority did not confirm is never taken for done, though nothing else failed."""
    error = BulkWriteError({"writeErrors": failed, "writeConcernErrors": unconfirmed})
    assert is_duplicates_only(error) is expected
