"""Logs: one JSON line an event, one trace id from call to delivery, calm libraries, no secrets."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from shared import logs
from shared.logs import OncePer, configure, get_logger
from shared.settings import Settings
from shared.tracing.places import Place, here

TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextlib.contextmanager
def configured(service: str = "intake", level: str = "INFO", style: str = "json") -> Iterator[StringIO]:
    """What a process writes to stderr after `configure`; everything that it changed is put back."""
    written, root, before = StringIO(), logging.getLogger(), structlog.get_config()
    noisy = {name: logging.getLogger(name).level for name in ("aiokafka", "pymongo", "uvicorn.access")}
    handlers, root.handlers, old_level = root.handlers, [], root.level
    token, hooks = here.set(None), (sys.excepthook, threading.excepthook)
    with contextlib.redirect_stderr(written):
        configure(service, level, style)
    try:
        yield written
    finally:
        here.reset(token)
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
        structlog.configure(**before)
        root.handlers = handlers
        root.setLevel(old_level)
        for name, old in noisy.items():
            logging.getLogger(name).setLevel(old)


@pytest.fixture(autouse=True)
def nothing_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.logs._calm", OncePer(30.0))


def lines(stderr: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.getvalue().splitlines()]


def test_one_json_line_an_event() -> None:
    """Service, level, logger, time in UTC, the event and what it says; nothing else, and nothing over two lines."""
    with configured() as stderr:
        get_logger("services.intake").info("started\nwell", port=8001)
        (line,) = lines(stderr)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
        assert line == {
            "service": "intake",
            "level": "info",
            "logger": "services.intake",
            "event": "started\nwell",
            "port": 8001,
        }


def test_libraries_take_the_same_way() -> None:
    """A library's warning is a line like ours; its chatter is none."""
    with configured("notifier") as stderr:
        logging.getLogger("aiokafka.conn").warning("lost %s", "broker-1")
        for chatty in ("aiokafka", "pymongo", "uvicorn.access"):
            logging.getLogger(chatty).info("chatter")
        (line,) = lines(stderr)
        assert (line["event"], line["logger"], line["service"]) == ("lost broker-1", "aiokafka.conn", "notifier")


def test_level_and_style_are_the_settings() -> None:
    """WARNING hides what is below it; `text` is for a terminal."""
    with configured(level="WARNING", style="text") as stderr:
        log = get_logger("services.intake")
        log.info("hidden")
        log.warning("shown", port=1)
        (line,) = stderr.getvalue().splitlines()
        assert "shown" in line
        assert "port=1" in line
        assert not line.startswith("{")


def test_error_carries_its_traceback_in_one_line() -> None:
    """An exception is text within the line."""
    with configured() as stderr:
        try:
            raise ValueError("what was wrong")
        except ValueError as error:
            get_logger("services.intake").error("broken", exc_info=error)
        (line,) = lines(stderr)
        assert "ValueError: what was wrong" in line["exception"]


def test_trace_is_in_every_line_of_its_context() -> None:
    """Ours and a library's lines carry the trace id; outside of a call there is none."""
    with configured() as stderr:
        get_logger("services.intake").info("before")
        here.set(Place(TRACE, "b7ad6b7169203331"))
        get_logger("services.intake").info("ours")
        logging.getLogger("uvicorn.error").warning("theirs")
        assert [line.get("trace_id") for line in lines(stderr)] == [None, TRACE, TRACE]


def a_record(message: str, name: str = "aiokafka") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 0, message, ("x",), None)


def test_once_per(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message once per period, whatever it is about; another message is not kept back by it."""
    now = 100.0
    monkeypatch.setattr("shared.logs.time", SimpleNamespace(monotonic=lambda: now))
    once = OncePer(30)
    assert [once.filter(a_record(m)) for m in ("lost %s", "lost %s", "other %s")] == [True, False, True]
    now += 29.9
    assert not once.filter(a_record("lost %s"))
    now += 0.1
    assert once.filter(a_record("lost %s"))
    assert not once.filter(a_record("lost %s"))


def test_only_noisy_libraries_are_calmed() -> None:
    """aiokafka repeats itself ten times a second; our own lines are never left out."""
    with configured() as stderr:
        for _ in range(3):
            logging.getLogger("aiokafka.conn").warning("Unable to connect to %s", "broker-1")
            get_logger("shared.loops").warning("loop_failed")
        assert sorted(line["event"] for line in lines(stderr)) == [
            "Unable to connect to broker-1",
            *["loop_failed"] * 3,
        ]


@pytest.mark.parametrize("style", ["json", "text"])
def test_settings_in_a_line_show_no_secret(style: str) -> None:
    """Whoever logs the settings whole, by mistake, shows neither the first admin key nor the database's password."""
    with configured(style=style) as stderr:
        settings = Settings(admin_key=SecretStr("desk_admin_s3cret"), mongo="mongodb://desk:s3cret@mongo/")
        get_logger("services.intake").info("started", settings=settings)
        assert "s3cret" not in stderr.getvalue()
        assert "started" in stderr.getvalue()


PASSWORD = 's3cret"passw\\ord'


@pytest.mark.parametrize("style", ["json", "text"])
def test_what_is_hidden_is_in_no_line(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes it, in whatever part of a line: secrets that are known, logins in addresses, keys of ours."""
    monkeypatch.setattr(logs, "_secrets", set())
    key = f"desk_kpu-samarinda_{'x' * 43}"
    with configured(style=style) as stderr:
        logs.hide([PASSWORD, "short"])
        get_logger("services").info("in a value", value=PASSWORD, nested={"deep": [PASSWORD]})
        logging.getLogger("pymongo").warning("mongodb://desk:%s@mongo:27017/ is away; %s", "p4ssw0rd", PASSWORD)
        get_logger("services").info("key", key=key, header=f"Bearer {key}")
        try:
            raise ValueError(f"what {PASSWORD} was")
        except ValueError as error:
            get_logger("services").error("broken", exc_info=error)
        written = stderr.getvalue()
        assert "s3cret" not in written
        assert "p4ssw0rd" not in written
        assert "xxx" not in written
        assert written.count("desk_kpu-samarinda_***") == 2
        assert "mongodb://***@mongo:27017/ is away" in written


def test_what_python_says_is_a_line_too() -> None:
    """A warning, an error nobody caught, one in a thread: JSON, under the service's name."""
    with configured("notifier") as stderr:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("old ways", stacklevel=1)
        sys.excepthook(ValueError, ValueError("nobody"), None)
        thread = threading.Thread(target=lambda: 1 // 0)
        thread.start()
        thread.join()
        assert [(line["service"], line["logger"], line["level"]) for line in lines(stderr)] == [
            ("notifier", "py.warnings", "warning"),
            ("notifier", "python", "critical"),
            ("notifier", "python", "critical"),
        ]
