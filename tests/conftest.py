"""What all tests share: hypothesis without wall-clock deadlines, one real broker and one real database for a run, and
a watch on the log: an ERROR that a test does not expect fails it."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from tests import backends

hypothesis.settings.register_profile("desk", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("desk")

END_TO_END = "e2e"  # their folder


def pytest_configure() -> None:
    """Ctrl-C works as at a terminal, for us and the processes we start, also where a shell's `&` had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # As a service does (shared/logs.py), but for the way to stderr: what our loggers say reaches logging's handlers.
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def pytest_report_header() -> list[str]:
    return [
        f"Kafka: {backends.broker().name}; MongoDB: {backends.database().name}",
        "end to end: local processes, as `desk up` starts them",
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in backends.SAID:
        terminalreporter.write_line(line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is end to end comes first: it takes longest."""
    items.sort(key=lambda item: not _is_end_to_end(item))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of two workers (`make test`) one takes what is end to end, one after the other; the other takes file by file."""
    from xdist.scheduler import LoadScopeScheduling

    class Shares(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return END_TO_END if END_TO_END in Path(file).parts else file

    return Shares(config, log)


def _is_end_to_end(item: pytest.Item) -> bool:
    return END_TO_END in item.path.parts


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a worker of several has to say, its controller says (pytest-xdist)."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["said"] = list(backends.SAID)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    backends.SAID.update(dict.fromkeys(getattr(node, "workeroutput", {}).get("said", [])))


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


class Errors(logging.Handler):
    """Keeps what our own loggers log at ERROR and above. (Libraries cry wolf: aiokafka does while it retries.)"""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.events: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in ("desk", "services", "shared"):
            self.events.append(record.msg["event"] if isinstance(record.msg, dict) else record.getMessage())


@pytest.fixture(autouse=True)
def no_unexpected_errors(request: pytest.FixtureRequest) -> Iterator[None]:
    """An alarm nobody expects fails the test, and so does an expected one that does not come:
    `@pytest.mark.expect_errors("dead_letter")` names the events."""
    expected = {name for marker in request.node.iter_markers("expect_errors") for name in marker.args}
    errors = Errors()
    logging.getLogger().addHandler(errors)
    yield
    logging.getLogger().removeHandler(errors)
    unexpected = [event for event in errors.events if event not in expected]
    assert unexpected == [], "errors were logged; expect_errors(...) names those that are meant"
    assert expected <= set(errors.events), "an expected error was not logged"
