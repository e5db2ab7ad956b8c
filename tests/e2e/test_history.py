"""Clients, several replicas of intake, kill -9 and frozen servers: every answer holds (tests/e2e/history.py)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.e2e.history import Outcome
from tests.e2e.history_desk import REPLICAS, running_desk
from tests.e2e.history_faults import LONGEST_PAUSE_S, faults_of
from tests.e2e.history_plan import KINDS, Planner, Sending
from tests.e2e.history_shapes import tasks as tasks_of
from tests.e2e.history_trial import Trial, slow_answers, unanswered_and_counted
from tests.e2e.scenario_files import KALTIM, read_regions

pytestmark = pytest.mark.timeout(600)

Say = Callable[[str], None]

# HISTORY_EVENTS=20000 runs a longer history, with as many more faults.
USUAL_EVENTS = 1_500
ANSWER_S = 10.0
STOPPED_S = 0.5  # until each of its threads stands still, on a busy machine
RECOVERY_S = 30.0


REGIONS = [region.code for region in read_regions(KALTIM)]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with running_desk(tmp_path_factory.mktemp("history"), lambda _: None) as desk:
        yield Trial(desk)


@pytest.fixture
def lasting(trial: Trial) -> Trial:
    """The same, on a broker whose records outlive it."""
    if not trial.desk.running.keeps_data:
        pytest.skip(f"{trial.desk.running.broker_name} keeps nothing")
    return trial


def test_no_history_under_kill_9_breaks_a_promise(trial: Trial, seed: int, say: Say) -> None:
    """What was answered 202 is counted, what is counted was answered 202 or may have been, each once; and nobody waits
    for an answer longer than promised, but for the time that the replica itself or the database stood still."""
    events = int(os.environ.get("HISTORY_EVENTS", USUAL_EVENTS))
    tasks = tasks_of(Planner(seed, REGIONS, "h"), events)
    faults = faults_of(seed, trial.desk.intakes, trial.desk.running.keeps_data, max(1, events // USUAL_EVENTS))
    trial.perform(tasks, faults, say)
    history = trial.settle(say)
    assert slow_answers(history.attempts, ANSWER_S + LONGEST_PAUSE_S["intake"] + LONGEST_PAUSE_S["mongod"]) == []
    assert {a.outcome for a in history.attempts} == set(Outcome), "the faults did not reach the clients"
    assert {b.status for b in history.became.values()} == {"counted", "duplicate", "conflict"}
    assert unanswered_and_counted(history)


def test_a_503_whose_write_did_happen_counts_once(lasting: Trial, seed: int, say: Say) -> None:
    """Kafka hangs with a record of each replica in its hands, and writes them when it goes on; all that is sent
    meanwhile is answered 503, in time. Those three are the first under their ids from then on: the same content sent
    again through another replica counts once, other content is shown as a conflict or refused, and what nobody sends
    again counts too."""
    plan = Planner(seed, REGIONS, "g")
    # From here on each replica knows each topic, and has a connection to the broker.
    lasting.persist([plan.sending(kind) for kind in KINDS for _ in range(REPLICAS)], 0, say)
    # Nothing speaks of these later: those that are not ghosts may never be written.
    hopeless = [plan.sending(kind, is_spoken_of=False) for kind in KINDS for _ in range(REPLICAS)]
    ghosts = again, rivalled, _left_alone = [
        plan.sending(kind, is_spoken_of=False) for kind in ("report", "incident", "report")
    ]
    lasting.desk.signal("kafka", signal.SIGSTOP)
    time.sleep(STOPPED_S)
    try:
        _assert_unavailable_in_time(lasting, [*ghosts, *hopeless])
    finally:
        lasting.desk.signal("kafka", signal.SIGCONT)
    back_at = time.monotonic()
    lasting.persist([plan.sending(kind) for kind in KINDS], 0, say)
    assert time.monotonic() - back_at < RECOVERY_S
    lasting.wait_until_written(ghosts, RECOVERY_S)
    assert lasting.persist([again], 1, say) == [202]
    assert lasting.persist([plan.other_content(again)], 2, say) == [409]
    lasting.persist([plan.other_content(rivalled)], 2, say)
    counted = lasting.settle(say).counted()
    assert {g.identity: counted[g.identity] for g in ghosts} == {g.identity: g.content.mark for g in ghosts}


def _assert_unavailable_in_time(trial: Trial, sendings: Sequence[Sending]) -> None:
    before = len(trial.notes.attempts)
    exchanges = trial.ask_once(sendings)
    others = [(n, e) for n, e in enumerate(exchanges) if (e.status, e.retry_after is None) != (503, False)]
    assert others == []
    assert slow_answers(trial.notes.attempts[before:], ANSWER_S) == []
