"""What all tests share: hypothesis without wall-clock deadlines, one real broker and one real database for a run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import hypothesis
import pytest

from tests import backends

hypothesis.settings.register_profile("desk", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("desk")


def pytest_configure() -> None:
    """Ctrl-C works as at a terminal, for us and the processes we start, also where a shell's `&` had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    return [
        f"Kafka: {backends.broker().name}; MongoDB: {backends.database().name}",
        "end to end: local processes, as `desk up` starts them",
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in backends.SAID:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def broker_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real broker; its topics are shared by all tests of the run, so name your own."""
    with backends.broker().start(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a real MongoDB replica set; its databases are shared, so name your own."""
    with backends.database().start(tmp_path_factory.mktemp("mongod")) as url:
        yield url
