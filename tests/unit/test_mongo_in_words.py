"""What a database's error says to a person: what went wrong, no command's content, no page on timeouts."""

from __future__ import annotations

import pytest
from pymongo.errors import NetworkTimeout, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from shared.mongo import in_words

TIMEOUTS = " (configured timeouts: socketTimeoutMS: 20000.0ms), Timeout: 5.0s, Topology Description: <...>"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServerSelectionTimeoutError(f"mongo:27017: no such name{TIMEOUTS}"), "mongo:27017: no such name"),
        (NetworkTimeout(f"mongo:27017: timed out{TIMEOUTS}"), "mongo:27017: timed out"),
        (OperationFailure("x: {secret: 1}", 13, {"codeName": "Unauthorized"}), "Unauthorized"),
        (OperationFailure("x: {secret: 1}", 13), "13"),
    ],
)
def test_in_words(error: PyMongoError, said: str) -> None:
    assert in_words(error) == f"{type(error).__name__}: {said}"
