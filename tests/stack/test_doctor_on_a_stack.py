"""`desk doctor` on a whole stack: well at first, then with one fault after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from desk.running import RunningStack, StackOptions, run_stack
from shared import mongo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with run_stack(StackOptions(tmp_path_factory.mktemp("stack") / "data"), print) as stack:
        yield stack


def doctor(running: RunningStack, **changed: str) -> tuple[int, str]:
    """Its exit status and what it says."""
    environ = {
        "DESK_KAFKA": running.kafka,
        "DESK_MONGO": running.mongo,
        "DESK_INTAKE_URL": running.intake,
        "DESK_AGGREGATOR_URL": running.aggregator,
        "DESK_NOTIFIER_URL": running.notifier,
        **changed,
    }
    argv = [sys.executable, "-m", "desk", "doctor"]
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=90, check=False
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_new_stack_is_well(running: RunningStack) -> None:
    """Nothing to repair; what a try-out lacks is said: one database, and nobody who is told."""
    status, said = doctor(running)
    assert status == 0, said
    assert " bad " not in said
    for part in ("replica set: one member alone", "alerts go to the notifier's log", "all 5 are there", "is ready"):
        assert part in said


@pytest.mark.parametrize(
    ("variable", "address", "told"),
    [
        ("DESK_KAFKA", "127.0.0.1:1", "Kafka at 127.0.0.1:1: does not answer"),
        ("DESK_MONGO", "mongodb://127.0.0.1:1/?replicaSet=rs0", "MongoDB: does not answer"),
        ("DESK_AGGREGATOR_URL", "http://127.0.0.1:1", "aggregator at http://127.0.0.1:1: no usable answer"),
        ("DESK_TOPIC_REPLICATION", "3", "desk.reports: on 1 brokers, and 3 are wanted"),
    ],
)
def test_what_does_not_answer_is_named_and_the_rest_still_looked_at(
    running: RunningStack, variable: str, address: str, told: str
) -> None:
    """One fault hides none of what else there is to say."""
    status, said = doctor(running, **{variable: address})
    assert status == 1
    assert told in said
    assert "-> " in said.partition(told)[2].splitlines()[1]
    assert f"intake at {running.intake}: answers and is ready" in said


def test_faults_in_the_data_are_found(running: RunningStack) -> None:
    """A receiver that said 410, and keys that nobody has any more."""
    with MongoClient[dict[str, object]](running.mongo, timeoutMS=10_000) as client:
        client[mongo.NOTIFIER_DB]["receivers"].update_one(
            {"_id": "console"}, {"$set": {"disabled_because": "status 410"}}, upsert=True
        )
        client[mongo.ACCESS_DB]["holders"].delete_many({})
    status, said = doctor(running)
    assert status == 1
    for part in (
        "console is disabled: status 410",
        "desk receivers enable console",
        "nobody can look",
        "nobody can report",
    ):
        assert part in said
