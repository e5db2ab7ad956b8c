"""What all tests share: hypothesis without wall-clock deadlines, and one real mongod for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import hypothesis
import pytest

from desk.stack import mongod
from desk.stack.ports import free_ports

hypothesis.settings.register_profile("desk", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("desk")

MONGO = "DESK_TEST_MONGO"


def pytest_report_header() -> str:
    where = f"the one that {MONGO} names" if os.environ.get(MONGO) else "a local mongod out of a wheel"
    return f"MongoDB: {where}"


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a real MongoDB replica set: `DESK_TEST_MONGO`, or a mongod of our own."""
    if given := os.environ.get(MONGO):
        yield given
        return
    problem = mongod.available()
    if problem is not None:
        pytest.fail(problem)
    with ExitStack() as stack:
        (port,) = free_ports(1)
        mongod.start(tmp_path_factory.mktemp("mongod"), port, lambda process: stack.callback(process.stop))
        yield mongod.url(port)
