"""No child outlives us, however we or it end."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from desk.stack.errors import StackError
from desk.stack.process import Command, Process, run_to_end, start_process

ROOT = Path(__file__).parents[2]
STUBBORN = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
FAMILY = "sleep 600 & echo $!; sleep 600"

PARENT = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from desk.stack.process import Command, start_process
with ExitStack() as stack:
    command = Command("child", ["sleep", "600"], Path(sys.argv[1]))
    print(start_process(command, lambda p: stack.callback(p.stop)).pid, flush=True)
    time.sleep(600)
"""


def shell(script: str, log_path: Path) -> Command:
    return Command("child", ["/bin/sh", "-c", script], log_path)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def wait_for_end(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


def wait_for_output(process: Process) -> str:
    while not (text := process.tail()):
        time.sleep(0.01)
    return text


@pytest.mark.timeout(20)
def test_stop_ends_the_child_and_its_children(tmp_path: Path) -> None:
    """After stop neither the child nor what the child started is left, and stopping twice is harmless."""
    with ExitStack() as stack:
        process = start_process(shell(FAMILY, tmp_path / "log"), lambda p: stack.callback(p.stop))
        grandchild = int(wait_for_output(process))
        process.stop()
        process.stop()
        assert process.returncode == -signal.SIGTERM
        assert wait_for_end(process.pid)
        assert wait_for_end(grandchild)


@pytest.mark.timeout(20)
def test_children_of_a_dead_child_end_too(tmp_path: Path) -> None:
    """When the child dies by itself, what it had started is ended as soon as the death is noticed."""
    with ExitStack() as stack:
        process = start_process(shell("sleep 600 & echo $!", tmp_path / "log"), lambda p: stack.callback(p.stop))
        grandchild = int(wait_for_output(process))
        assert process.wait(5) == 0
        assert wait_for_end(grandchild)


@pytest.mark.timeout(20)
def test_a_child_deaf_to_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    """A child that ignores SIGTERM gets SIGKILL when its grace is over."""
    with ExitStack() as stack:
        process = start_process(shell(STUBBORN, tmp_path / "log"), lambda p: stack.callback(p.kill))
        wait_for_output(process)
        process.stop(grace_s=0.2)
        assert process.returncode == -signal.SIGKILL


@pytest.mark.timeout(20)
def test_second_interrupt_kills_hard(tmp_path: Path) -> None:
    """A Ctrl-C during a patient stop kills the child at once and still reaches the caller."""
    with ExitStack() as stack:
        process = start_process(shell(STUBBORN, tmp_path / "log"), lambda p: stack.callback(p.kill))
        wait_for_output(process)
        threading.Timer(0.3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            process.stop(grace_s=60)
        assert time.monotonic() - began < 5
        assert not is_running(process.pid)


@pytest.mark.timeout(20)
def test_interrupt_during_the_start_is_delivered_after_registration(tmp_path: Path) -> None:
    """A Ctrl-C that arrives between fork and registration cannot lose the child."""
    started: list[Process] = []
    before = signal.getsignal(signal.SIGINT)

    def register(process: Process) -> None:
        signal.raise_signal(signal.SIGINT)
        started.append(process)

    with pytest.raises(KeyboardInterrupt):
        start_process(Command("child", ["sleep", "600"], tmp_path / "log"), register)
    (process,) = started
    process.stop()
    assert not is_running(process.pid)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.timeout(20)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with a killed parent")
def test_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    """`kill -9` of the parent ends the child too."""
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    assert wait_for_end(child)


@pytest.mark.timeout(20)
def test_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    """A terminal's Ctrl-C goes to the foreground group, and the child is not in it."""
    with ExitStack() as stack:
        command = Command("child", ["sleep", "600"], tmp_path / "log")
        process = start_process(command, lambda p: stack.callback(p.stop))
        assert os.getsid(process.pid) == process.pid != os.getsid(0)


@pytest.mark.timeout(20)
def test_missing_program_is_a_clear_error(tmp_path: Path) -> None:
    """A program that is not there is named."""
    with pytest.raises(StackError, match=r"child cannot be started.*no-such-program"):
        start_process(Command("child", ["no-such-program"], tmp_path / "log"), lambda _: None)


@pytest.mark.timeout(20)
def test_failed_and_endless_runs_report_their_output(tmp_path: Path) -> None:
    """run_to_end says how a run failed and what it wrote last."""
    with pytest.raises(StackError, match=r"(?s)exit code 3.*no such luck"):
        run_to_end(shell(r"printf '\033[31mno such \033[0mluck'; exit 3", tmp_path / "log"), timeout_s=5)
    with pytest.raises(StackError, match="did not end within 0 s"):
        run_to_end(shell("sleep 600", tmp_path / "log"), timeout_s=0.2)
