"""One running desk, everything that was ever sent to it, and the question whether it all fits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.calling import Caller
from tests.e2e.driving import until_none
from tests.e2e.history import Attempt, History
from tests.e2e.history_contents import Content
from tests.e2e.history_desk import Desk
from tests.e2e.history_faults import Fault, Faults
from tests.e2e.history_load import Clients, Exchange, Notes
from tests.e2e.history_plan import Sending, Task
from tests.e2e.history_reading import PASSING, Log, read_became, read_log
from tests.e2e.history_rules import complaints_of
from tests.e2e.history_sums import Shown, wrong_sums

CLIENTS = 24
TASKS_PER_S = 90.0  # so that the faults of a run fall into it
GAP_S = 0.05
SETTLE_S = 240.0
MOST_SHOWN = 25

Say = Callable[[str], None]


@dataclass
class Trial:
    """Call it from the main thread: it looks after the stack's processes meanwhile."""

    desk: Desk
    notes: Notes = field(default_factory=Notes)
    contents: dict[str, Content] = field(default_factory=dict)  # by mark, all that were ever sent

    def __post_init__(self) -> None:
        running = self.desk.running
        self._clients = Clients(self.desk.replicas, self.desk.keys, self.notes)
        self._aggregator = Caller(running.aggregator, running.operator_key)

    def perform(self, tasks: Sequence[Task], faults: Sequence[Fault], say: Say) -> None:
        """Send all tasks, in their order and not too fast, while the faults happen, each at its part of the way."""
        self._know(sending for task in tasks for parcel in task for sending in parcel)
        began, happening = time.monotonic(), Faults(self.desk, faults, say)

        def perform(number: int, task: Task) -> None:
            time.sleep(max(0.0, began + number / TASKS_PER_S - time.monotonic()))
            self._clients.perform(task, number)

        try:
            with ThreadPoolExecutor(CLIENTS) as pool:
                futures = [pool.submit(perform, number, task) for number, task in enumerate(tasks)]
                for done in self._until_done(futures, say):
                    happening.step(done)
        finally:
            happening.end()

    def ask_once(self, sendings: Sequence[Sending]) -> list[Exchange]:
        """Send each once, shortly after the one before, the first through the first replica, the second through the
        next one, and so on; the answers in their order. Nothing that died is started again meanwhile."""
        self._know(sendings)
        futures = []
        with ThreadPoolExecutor(len(sendings)) as pool:
            for number, sending in enumerate(sendings):
                futures.append(pool.submit(self._clients.attempt, (sending,), number))
                time.sleep(GAP_S)
        return [exchange for future in futures for exchange in future.result()]

    def persist(self, sendings: Sequence[Sending], first: int, say: Say) -> list[int | None]:
        """Send all at the same moment, the first through the replica of that number, again and again until each is
        answered for good; the last statuses, in their order."""
        self._know(sendings)
        with ThreadPoolExecutor(len(sendings)) as pool:
            futures = [pool.submit(self._clients.persist, (s,), first + n) for n, s in enumerate(sendings)]
            for _ in self._until_done(futures, say):
                pass
        return [exchange.status for future in futures for exchange in future.result()]

    def wait_until_written(self, sendings: Sequence[Sending], timeout_s: float) -> None:
        """Until each of them stands in the log."""

        def missing() -> list[str]:
            try:
                written = {w.identity for w in self._log().written}
            except PASSING as error:
                return [f"the log cannot be read: {error!r}"]
            return [f"never written: {s}" for s in sendings if s.identity not in written]

        left = until_none(self.desk.running, missing, timeout_s)
        assert not left, "\n".join(left)

    def settle(self, say: Say) -> History:
        """The whole history, when everything fits; fails with what does not, if that does not change any more."""
        assert not self.notes.surprises, "\n".join(self.notes.surprises[:MOST_SHOWN])
        seen = [History((), (), {})]

        def complaints() -> list[str]:
            try:
                log = self._log()
            except PASSING as error:
                return [f"the log cannot be read: {error!r}"]
            if log.unread:
                return [f"the aggregator has not read {log.unread} records"]
            seen[0] = self._history(log)
            letters = [f"{log.dead_letters} dead letters"] if log.dead_letters else []
            return letters + complaints_of(seen[0]) + self._wrong_sums(seen[0])

        left = until_none(self.desk.running, complaints, SETTLE_S)
        assert not left, "\n".join([*left[:MOST_SHOWN], f"... {len(left)} in all"])
        for line in _told_of(seen[0]):
            say(line)
        return seen[0]

    def _know(self, sendings: Iterable[Sending]) -> None:
        self.contents |= {sending.content.mark: sending.content for sending in sendings}

    def _until_done(self, futures: Sequence[Future[Any]], say: Say) -> Iterable[float]:
        """The part that is done, again and again; what died is started again. Raises what a future raised."""
        while pending := wait(futures, timeout=0.02).not_done:
            for message in self.desk.poll():
                say(message)
            yield 1 - len(pending) / len(futures)
        for future in futures:
            future.result()

    def _log(self) -> Log:
        return read_log(self.desk.running.kafka, self.contents)

    def _history(self, log: Log) -> History:
        sent = History(self.notes.attempts, log.written, {})
        return History(sent.attempts, sent.written, read_became(self._aggregator, sent.cases()))

    def _wrong_sums(self, history: History) -> list[str]:
        counted = {i: self.contents[mark] for i, mark in history.counted().items() if mark in self.contents}
        lists = (self._aggregator.all(f"/v1/{name}") for name in ("regions", "reports", "incidents", "logistics"))
        return wrong_sums(counted, Shown(*lists))


def slow_answers(attempts: Iterable[Attempt], limit_s: float) -> list[str]:
    """Those that took longer. A batch is answered line by line, as its waves are confirmed."""
    return [f"{a.ended - a.began:.1f} s: {a}" for a in attempts if a.ended - a.began >= limit_s and not a.in_batch]


def _told_of(history: History) -> list[str]:
    outcomes = Counter(attempt.outcome for attempt in history.attempts)
    states = Counter(became.status for became in history.became.values())
    longest = max(attempt.ended - attempt.began for attempt in history.attempts)
    return [
        f"{len(history.attempts)} attempts: {_listed(outcomes)}; the longest took {longest:.1f} s",
        f"{len(history.written)} records: {_listed(states)}; {len(unanswered_and_counted(history))} without a 202",
    ]


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{many} {name}" for name, many in sorted(counts.items()))


def unanswered_and_counted(history: History) -> list[str]:
    """Contents that are counted although nobody was told so."""
    cases = history.cases()
    return [content for i, content in history.counted().items() if content not in cases[i].accepted]
