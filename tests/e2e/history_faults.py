"""What goes wrong while the clients of the history test send: who is killed or stands still for a while, by a seed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from threading import Timer

from tests.e2e.history_desk import Desk

# How often each in a run of the usual length; a broker that keeps nothing is left alone.
KILLS = {"intake": 5, "kafka": 1, "aggregator": 1}
PAUSES = {"intake": 4, "kafka": 1, "mongod": 1}
LONGEST_PAUSE_S = {"intake": 1.5, "kafka": 2.0, "mongod": 5.0}


@dataclass(frozen=True)
class Fault:
    """`when` is the part of the tasks that has been done (0 to 1); `pause_s` is None for kill -9."""

    when: float
    victim: str
    pause_s: float | None = None


def faults_of(seed: int, intakes: tuple[str, ...], keeps_data: bool, times: int = 1) -> list[Fault]:
    """In the order of their moments; `intakes` are the names of intake's replicas, `times` makes it so many times as
    much."""
    chosen = Random(seed)

    def moment() -> float:
        return chosen.uniform(0.03, 0.85)

    found = [Fault(moment(), victim) for victim, many in KILLS.items() for _ in range(many * times)]
    found += [
        Fault(moment(), victim, LONGEST_PAUSE_S[victim] * chosen.uniform(0.3, 1.0))
        for victim, many in PAUSES.items()
        for _ in range(many * times)
    ]
    of_some_replica = (
        Fault(f.when, chosen.choice(intakes) if f.victim == "intake" else f.victim, f.pause_s) for f in found
    )
    return sorted((f for f in of_some_replica if keeps_data or f.victim != "kafka"), key=lambda fault: fault.when)


class Faults:
    """Makes them happen. Call `step` often; a killed process is started again by `Desk.poll`."""

    def __init__(self, desk: Desk, faults: Iterable[Fault], say: Callable[[str], None]) -> None:
        self._desk, self._say = desk, say
        self._left = list(faults)
        self._wakers: list[Timer] = []  # threads: whoever calls `step` may be busy with a restart

    def step(self, done: float) -> None:
        """What is due when that part of the tasks (0 to 1) has been done."""
        while self._left and self._left[0].when <= done:
            self._begin(self._left.pop(0))

    def end(self) -> None:
        """Returns when nobody stands still any more."""
        for waker in self._wakers:
            waker.join()

    def _begin(self, fault: Fault) -> None:
        if fault.pause_s is None:
            self._say(f"at {fault.when:.0%} {fault.victim} is killed")
            self._desk.signal(fault.victim, signal.SIGKILL)
            return
        self._say(f"at {fault.when:.0%} {fault.victim} stands still for {fault.pause_s:.1f} s")
        self._desk.signal(fault.victim, signal.SIGSTOP)
        waker = Timer(fault.pause_s, self._desk.signal, (fault.victim, signal.SIGCONT))
        self._wakers.append(waker)
        waker.start()
