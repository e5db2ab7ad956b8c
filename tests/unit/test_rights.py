"""Each service may do what it does, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.rights import MONGO_ROLES, USERS, Operation, Resource, kafka_rights, secret_of
from services.aggregator import app as aggregator
from services.notifier import turning as notifier
from shared import mongo
from shared.topics import AGGREGATOR_GROUP, ALERTS, DEAD_LETTERS, INCIDENTS, LOGISTICS, NOTIFIER_GROUP, REPORTS


def topics_of(user: str, operation: Operation) -> set[str]:
    return {r.name for r in kafka_rights() if (r.user, r.resource, r.operation) == (user, Resource.TOPIC, operation)}


def test_what_is_read_and_written_in_kafka() -> None:
    """Intake reads nothing back; consumers read what they subscribe to; the notifier alone speaks of alerts."""
    events = {REPORTS.name, INCIDENTS.name, LOGISTICS.name}
    assert (topics_of("intake", Operation.READ), topics_of("intake", Operation.WRITE)) == (set(), events)
    assert {t.name for t in aggregator.TOPICS} <= topics_of("aggregator", Operation.READ)
    assert {t.name for t in notifier.TOPICS} | {ALERTS.name} <= topics_of("notifier", Operation.READ)
    assert topics_of("aggregator", Operation.WRITE) == {DEAD_LETTERS.name}
    assert topics_of("notifier", Operation.WRITE) == {DEAD_LETTERS.name, ALERTS.name}


def test_each_consumer_has_its_own_group() -> None:
    """A foreign member would take partitions away."""
    readers = {
        (r.user, r.name) for r in kafka_rights() if r.resource is Resource.GROUP and r.operation is Operation.READ
    }
    assert readers == {("aggregator", AGGREGATOR_GROUP), ("notifier", NOTIFIER_GROUP)}


def test_each_service_writes_to_its_own_database() -> None:
    """Keys are handed out by intake and the operator; the read model's owner is the aggregator alone."""
    writers = {db: {u for u, roles in MONGO_ROLES.items() if roles.get(db) == "readWrite"} for db in mongo_databases()}
    assert writers == {
        mongo.INTAKE_DB: {"intake"},
        mongo.AGGREGATOR_DB: {"aggregator"},
        mongo.NOTIFIER_DB: {"notifier", "operator"},
        mongo.ACCESS_DB: {"intake", "operator"},
    }
    assert MONGO_ROLES.keys() == set(USERS)


def mongo_databases() -> tuple[str, ...]:
    return mongo.INTAKE_DB, mongo.AGGREGATOR_DB, mongo.NOTIFIER_DB, mongo.ACCESS_DB


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    """One line: which file."""
    (tmp_path / "kafka-intake").write_text("\n")
    for user, told in (("intake", "kafka-intake is empty"), ("notifier", "kafka-notifier cannot be read")):
        with pytest.raises(ValueError, match=told):
            secret_of(tmp_path, "kafka", user)
