"""What died is started again, ever more patiently; what is stopped has ended."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from desk import supervisor
from desk.signals import noted
from desk.stack.errors import StackError
from desk.stack.process import Command, Process, Register, start_process
from desk.supervisor import Child, stop_together

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def child(cleanup: ExitStack, log: Path, code: str, grace_s: float = 5.0) -> Child:
    def start(register: Register) -> Process:
        def both(process: Process) -> None:
            cleanup.callback(process.kill)
            register(process)

        return start_process(Command("it", [sys.executable, "-c", code], log), both)

    return Child("it", "It", start, grace_s)


def polled(one: Child) -> str:
    deadline = time.monotonic() + 10
    while (message := one.poll()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return message


def test_the_first_restart_is_immediate_and_the_next_ones_wait(cleanup: ExitStack, tmp_path: Path) -> None:
    """A process that dies again and again is started at once, then after 1, 2, ... seconds."""
    one = child(cleanup, tmp_path / "log", "raise SystemExit(3)")
    one.start()
    assert polled(one) == "It died (3), restarted"
    assert polled(one).startswith("It died (3), it is started again in 1 s")
    assert one.poll() is None
    assert polled(one) == "It restarted"
    assert polled(one).startswith("It died (3), it is started again in 2 s")


def test_a_restart_that_fails_is_tried_again(
    cleanup: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that raises is a message, and another try later."""
    monkeypatch.setattr(supervisor, "LONGEST_DELAY_S", 0.1)
    one = child(cleanup, tmp_path / "log", "import time; time.sleep(600)")
    first = one.start()
    good = one._start

    def refuse(_register: Register) -> Process:
        raise StackError("port 1 is taken\nmore")

    one._start = refuse
    first.kill()
    assert polled(one) == "It died (-9), could not be restarted, next try in 0.1 s: port 1 is taken"
    one._start = good
    assert polled(one) == "It restarted"


def test_a_hundred_deaths_wait_no_longer_than_the_longest(cleanup: ExitStack, tmp_path: Path) -> None:
    """The wait stops growing, and it stays a number however often the process died."""
    one = child(cleanup, tmp_path / "log", "raise SystemExit(3)")
    one._failures = 2000
    one.start()
    assert polled(one).startswith("It died (3), it is started again in 15 s")


def test_a_signal_during_the_stop_makes_it_a_hard_one(cleanup: ExitStack, tmp_path: Path) -> None:
    """A child that is deaf to SIGTERM dies as soon as a second signal comes, which itself interrupts nothing."""
    one = child(cleanup, tmp_path / "log", DEAF, grace_s=60)
    process = one.start()
    while "deaf" not in process.tail():
        time.sleep(0.01)
    began = time.monotonic()
    before = signal.getsignal(signal.SIGTERM)
    with noted() as hurries:
        signal.raise_signal(signal.SIGTERM)
        assert stop_together([one], lambda: bool(hurries)) == ["It"]
    assert time.monotonic() - began < 5
    assert process.returncode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_without_hurry_waits_for_the_grace(cleanup: ExitStack, tmp_path: Path) -> None:
    """Each child may finish by itself within its grace; nothing is reported as killed then."""
    polite = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True)"
    one = child(cleanup, tmp_path / "log", polite + "; time.sleep(600)")
    process = one.start()
    while "up" not in process.tail():
        time.sleep(0.01)
    assert stop_together([one], lambda: False) == []
    assert process.returncode == 0
