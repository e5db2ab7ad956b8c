"""What the doctor says of what it was answered: one row each, the level and what a person reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.doctor import database, kafka, keys, receivers, services
from desk.doctor.finding import Finding, Level, bad, in_lines, look, ok, verdict
from desk.doctor.kafka import Partition
from desk.keys import agency_grant, person_grant
from services.aggregator import app as aggregator
from services.notifier import turning as notifier
from services.notifier.routing.receivers import Receivers
from shared.access.holders import Holder, issued
from shared.access.keys import Grant, Kind, Role
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP, ALL, NOTIFIER_GROUP

NOW = datetime(2024, 11, 18, tzinfo=UTC)
WELL = Partition(has_leader=True, replicas=1, in_sync=1)


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def trouble(findings: list[Finding]) -> list[tuple[str, str]]:
    """What is not well: its level and what it is about. Each of it says what to do."""
    assert all(f.advice for f in findings if f.level is not Level.OK)
    return [(f.level.value, f.about) for f in findings if f.level is not Level.OK]


def test_the_lag_of_all_that_is_read_is_asked_for() -> None:
    """A topic left out would lag unseen."""
    assert kafka.GROUPS == {AGGREGATOR_GROUP: aggregator.TOPICS, NOTIFIER_GROUP: notifier.TOPICS}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"status": "ready"}, "ready"),
        (503, {"problems": {"clock": "this clock is +9.0 s off the database's"}}, "off the database's"),
        (503, {"problems": {"new": "something"}}, "something"),
        (503, None, "answers 503"),
        (502, "<html>", "answers 502"),
    ],
)
def test_readiness(status: int, body: Any, said: str) -> None:
    """Every problem that a service names is told, also one that the doctor has not heard of."""
    (found,) = services.readiness("intake", status, body)
    assert said in found.said
    assert (found.level is Level.OK) == (status == 200)
    assert bool(found.advice) == (status != 200)


@pytest.mark.parametrize(
    ("ahead_s", "took_s", "is_bad"), [(0, 0, False), (-1, 0, False), (5, 4, False), (-4, 5, True), (60, 1, True)]
)
def test_clocks_of_services(ahead_s: float, took_s: float, is_bad: bool) -> None:
    """A slow answer may have read its clock late; an early clock has no excuse."""
    found = services.clock("intake", timedelta(seconds=ahead_s), timedelta(seconds=took_s))
    assert trouble(found) == ([("bad", "intake")] if is_bad else [])


@pytest.mark.parametrize(("days", "level"), [(90, Level.OK), (20, Level.LOOK), (-1, Level.LOOK)])
def test_certificates(days: int, level: Level) -> None:
    """Somebody is told three weeks before."""
    assert levels(services.certificate("intake", NOW + timedelta(days=days), NOW)) == [level]


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({"a": "PRIMARY"}, [("look", "replica set")]),
        ({"a": "PRIMARY", "b": "SECONDARY", "c": "SECONDARY"}, []),
        ({"a": "PRIMARY", "b": "(not reachable/healthy)", "c": "SECONDARY"}, [("bad", "replica set")]),
        ({"a": "SECONDARY", "b": "DOWN", "c": "DOWN"}, [("bad", "replica set")] * 3),
    ],
)
def test_members_of_the_replica_set(states: dict[str, str], told: list[tuple[str, str]]) -> None:
    """One alone is no reason to wake anybody; one that is down is."""
    status = {"members": [{"name": name, "stateStr": state} for name, state in states.items()]}
    assert trouble(list(database.judge_members(status))) == told


@pytest.mark.parametrize(("ahead_s", "level"), [(0, Level.OK), (1.9, Level.OK), (-2.5, Level.BAD), (60, Level.BAD)])
def test_the_databases_clock(ahead_s: float, level: Level) -> None:
    """As far off as intake bears it, and no further."""
    assert database.judge_clock(timedelta(seconds=ahead_s), timedelta(0)).level is level


def all_topics(**changed: list[Partition]) -> dict[str, list[Partition]]:
    found = {topic.name: [WELL] * topic.partitions for topic in ALL}
    return {**found, **{f"desk.{name}": partitions for name, partitions in changed.items()}}


@pytest.mark.parametrize(
    ("found", "replication", "told"),
    [
        (all_topics(), 1, []),
        ({}, 1, [("bad", "topics")]),
        (all_topics(reports=[WELL] * 11), 1, [("look", "desk.reports")]),
        (all_topics(reports=[*[WELL] * 11, Partition(False, 1, 0)]), 1, [("bad", "desk.reports")]),
        (all_topics(alerts=[*[Partition(True, 3, 3)] * 11, Partition(True, 3, 2)]), 1, [("bad", "desk.alerts")]),
        (all_topics(), 3, [("bad", topic.name) for topic in sorted(ALL, key=lambda t: t.name)]),
    ],
)
def test_topics(found: dict[str, list[Partition]], replication: int, told: list[tuple[str, str]]) -> None:
    """Whether they are there, with leaders, and on as many brokers as was asked for."""
    assert trouble(list(kafka.judge_topics(found, Settings(topic_replication=replication)))) == told


@pytest.mark.parametrize(
    ("lag", "unread", "level"), [(0, 0, Level.OK), (1000, 0, Level.OK), (1001, 0, Level.LOOK), (3, 1, Level.LOOK)]
)
def test_lag(lag: int, unread: int, level: Level) -> None:
    """A little is normal; a partition that nobody ever read is not."""
    assert kafka.judge_lag("desk.aggregator", lag, unread).level is level


def a_holder(rights: Grant, expires_at: datetime | None = None) -> Holder:
    key = issued(f"desk_{rights.name}_0123456789", rights.name, 1, NOW - timedelta(days=1), "test", expires_at)
    return Holder(rights, (key,), NOW, "test")


ADMIN, VIEWER = a_holder(person_grant("ani", Role.ADMIN)), a_holder(person_grant("budi", Role.VIEWER))
AGENCY = agency_grant("kpu", [Kind.REPORTS], ["64.72"])


@pytest.mark.parametrize(
    ("people", "agencies", "told"),
    [
        ([ADMIN], [a_holder(AGENCY)], []),
        ([VIEWER], [a_holder(AGENCY)], [("look", "keys")]),
        ([], [], [("look", "keys"), ("bad", "keys"), ("bad", "keys")]),
        ([ADMIN], [a_holder(AGENCY, NOW - timedelta(seconds=1))], [("bad", "keys")]),
        ([ADMIN], [a_holder(AGENCY, NOW + timedelta(days=2))], [("look", "keys")]),
        ([ADMIN], [a_holder(AGENCY, NOW + timedelta(days=8))], []),
    ],
)
def test_keys(people: list[Holder], agencies: list[Holder], told: list[tuple[str, str]]) -> None:
    """Somebody must be able to administer, to look and to report, and be told before a last key ends."""
    assert trouble(list(keys.judge(people, agencies, NOW))) == told


CONSOLE = {"name": "console", "channel": "console"}
HOOK = {"name": "desk", "channel": "webhook", "url": "https://desk.example.id/x"}
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OWN_SECRET = "whsec_" + "kUbYk3qZ0q3m7l8cQ0fJ4Yw2pV5sT9xB"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ([CONSOLE], [("look", "receivers")]),
        ([CONSOLE, {**HOOK, "secret": EXAMPLE_SECRET}], [("bad", "receivers")]),
        ([CONSOLE, {**HOOK, "secret": OWN_SECRET}], []),
    ],
)
def test_channels(named: list[dict[str, Any]], told: list[tuple[str, str]]) -> None:
    """Alerts that stay in a log reach nobody; a signature by a key that everybody knows proves nothing."""
    found = Receivers.model_validate({"receivers": named}).receivers
    assert trouble(list(receivers.judge_channels(found))) == told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        ({"state": "disabled", "disabled_because": "410"}, [("bad", "receivers")]),
        ({"state": "away", "last_problem": "timeout"}, [("bad", "receivers")]),
        ({"dead": 2}, [("look", "receivers")]),
    ],
)
def test_receivers(changed: dict[str, Any], told: list[tuple[str, str]]) -> None:
    """Whoever is not told, and why."""
    one = {"name": "desk", "state": "ok", "pending": 1, "dead": 0, **changed}
    assert trouble(list(receivers.judge_states([one]))) == told


def test_what_a_person_reads() -> None:
    """The advice stands below what is wrong; the last line counts."""
    assert in_lines(bad("Kafka", "is away", "start it")) == " bad  Kafka: is away\n      -> start it"
    assert in_lines(ok("Kafka", "answers")) == "  ok  Kafka: answers"
    assert verdict([ok("a", "b")]) == "All is well."
    assert verdict([ok("a", "b"), look("a", "b", "c")]) == "Nothing is broken; 1 to look at."
    assert verdict([bad("a", "b", "c"), look("a", "b", "c")]) == "1 to repair, 1 to look at."
