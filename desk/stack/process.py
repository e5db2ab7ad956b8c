"""One supervised child process that never outlives us."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from desk.signals import noted
from desk.stack.errors import StackError

PR_SET_PDEATHSIG = 1
TAIL_BYTES = 64 * 1024
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Loaded before any fork: between fork and exec the child must not import or open anything.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """What to run. Output goes to the end of `log_path`; `env` None means our own environment."""

    name: str
    argv: Sequence[str]
    log_path: Path
    cwd: Path | None = None
    env: Mapping[str, str] | None = None


class Process:
    """A started child, leader of its own process group. Made by `start_process`; see `stop`, `kill`."""

    def __init__(self, command: Command, popen: subprocess.Popen[bytes]) -> None:
        self.name = command.name
        self.log_path = command.log_path
        self.pid = popen.pid
        self._popen = popen
        self._group_ended = False

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it. Reaps a dead child."""
        code = self._popen.poll()
        if code is not None:
            self._end_group()
        return code

    @property
    def alive(self) -> bool:
        return self.returncode is None

    def stop(self, grace_s: float = 10.0) -> None:
        """Ask the whole group to end, wait up to `grace_s` seconds, then kill. Always reaps; idempotent.

        A KeyboardInterrupt that arrives while waiting kills at once and goes on to the caller.
        """
        try:
            if self.alive:
                self._signal_group(signal.SIGTERM)
                self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """End the whole group at once, as `kill -9` does, and reap it. Idempotent."""
        self._end_group()
        self._popen.wait()

    def wait(self, timeout_s: float) -> int | None:
        """Wait for its own end; the exit code, or None if it still runs after `timeout_s` seconds."""
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return self.returncode

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log, for error messages, without colours; empty if there is none."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
                text = COLOURS.sub("", log.read().decode(errors="replace"))
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _end_group(self) -> None:
        """SIGKILL to the group, once: after the leader is reaped its number may belong to somebody else."""
        if not self._group_ended:
            self._signal_group(signal.SIGKILL)
            self._group_ended = True

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, a group of zombies
            os.killpg(self.pid, number)


Register = Callable[[Process], object]


def start_process(command: Command, register: Register) -> Process:
    """Start `command` and hand it to `register`, with no moment between in which an interrupt could lose it.

    `register` arranges that `stop` will be called, usually `lambda p: stack.callback(p.stop)` with an
    ExitStack. The child leads a session of its own, so a terminal's Ctrl-C reaches only us. On Linux the
    kernel kills it when we die, even by `kill -9`. That rule is bound to the *thread* which starts the child:
    start from the main thread, or from one that lives as long as the child shall. It does not extend to
    grandchildren. Elsewhere than on Linux, only `stop` ends the child.

    Raises StackError if the program or its directory cannot be used.
    """
    command.log_path.parent.mkdir(parents=True, exist_ok=True)
    with command.log_path.open("ab") as log, _signals_held():
        try:
            popen = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=command.cwd,
                env=command.env,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        except OSError as error:
            raise StackError(f"{command.name} cannot be started: {error}") from error
        process = Process(command, popen)
        register(process)
    return process


def run_to_end(command: Command, timeout_s: float) -> None:
    """Run `command` until it ends by itself; an interrupt ends it with us.

    Raises StackError, with the end of its output, if it fails or takes longer than `timeout_s` seconds.
    """
    with ExitStack() as stack:
        process = start_process(command, lambda started: stack.callback(started.stop, grace_s=2.0))
        code = process.wait(timeout_s)
        if code is None:
            raise StackError(f"{command.name} did not end within {timeout_s:.0f} s:\n{process.tail()}")
        if code != 0:
            raise StackError(f"{command.name} failed (exit code {code}):\n{process.tail()}")


def _die_with_parent() -> Callable[[], None] | None:
    libc = _LIBC
    if libc is None:
        return None
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before prctl: no signal will come any more
            os._exit(1)

    return in_child


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals to stop that arrive inside the block are delivered at its end.

    Python runs signal handlers in the main thread only, so elsewhere there is nothing to hold.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with noted() as arrived:
        yield
    for late in arrived:
        signal.raise_signal(late)
