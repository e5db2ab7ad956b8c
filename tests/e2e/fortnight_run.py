"""One whole run: a stack, a receiver, the submissions, the comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from desk.running import RunningStack, StackOptions, run_stack
from tests.backends import SAID
from tests.e2e.answers import Answers
from tests.e2e.comparing import Comparison
from tests.e2e.driving import Driver, Outcome, hold, until_none
from tests.e2e.oracle import Oracle
from tests.e2e.oracle_beside import Beside
from tests.e2e.receiver import Receiver, listening
from tests.e2e.scenario_files import read_regions, read_rules
from tests.e2e.submissions import Submission

SETTLE_S = 240.0
NOTHING_MORE_S = 3.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Fortnight:
    """What is run: the election, the scenario's begin and end, what is sent, who is killed when (by group)."""

    election: Path
    begin: datetime
    end: datetime
    submissions: Sequence[Submission]
    kill_at: dict[int, list[str]]

    def oracle(self) -> Oracle:
        return Oracle(read_rules(self.election), read_regions(self.election))


def run_and_compare(fortnight: Fortnight, data_dir: Path, say: Say) -> Answers:
    """Run it; fail on every unexpected answer and every difference from the oracle, whose answers are returned."""
    oracle = fortnight.oracle()
    with listening() as receiver:
        options = StackOptions(
            data_dir=data_dir,
            election=fortnight.election,
            receivers=receiver.write_receivers_file(data_dir.parent),
            clock=f"{fortnight.begin.isoformat()}@1",
            start_clock=False,
        )
        with run_stack(options, say) as running:
            SAID[f"end to end: {running.broker_name}"] = None
            outcome = _drive(running, fortnight, say)
            answers = oracle.answers(outcome.accepted, fortnight.end)
            beside = Beside(oracle, outcome.accepted, fortnight.end)
            _settle(running, Comparison(running, oracle, answers, beside, outcome, receiver), say)
            _report_repeats(receiver, say)
    return answers


def _drive(running: RunningStack, fortnight: Fortnight, say: Say) -> Outcome:
    began = time.monotonic()
    outcome = Driver(running, fortnight.kill_at).send_all(fortnight.submissions)
    hold(running, fortnight.end)
    took = time.monotonic() - began
    say(f"{len(outcome.answers)} submissions in {took:.1f} s, killed: {', '.join(outcome.killed) or 'none'}")
    assert not outcome.surprises, "\n".join(outcome.surprises[:25])
    return outcome


def _settle(running: RunningStack, comparison: Comparison, say: Say) -> None:
    """The right answer is reached, and stays."""
    began = time.monotonic()
    left = until_none(running, comparison.differences, SETTLE_S)
    assert not left, "\n".join(left)
    say(f"all answers are right after {time.monotonic() - began:.1f} s")
    time.sleep(NOTHING_MORE_S)
    left = comparison.differences()
    assert not left, "afterwards:\n" + "\n".join(left)


def _report_repeats(receiver: Receiver, say: Say) -> None:
    repeats = len(receiver.told) - len(receiver.notices())
    say(f"{len(receiver.notices())} notices, {repeats} of them told again under the same webhook-id")
