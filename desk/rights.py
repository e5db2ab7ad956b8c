"""Who may do what in Kafka and MongoDB: each service what it needs, and no more. `desk init` makes it so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from shared import mongo
from shared.topics import AGGREGATOR_GROUP, ALERTS, ALL, DEAD_LETTERS, INCIDENTS, LOGISTICS, NOTIFIER_GROUP, REPORTS

SERVICES = ("intake", "aggregator", "notifier")
OPERATOR = "operator"  # the `desk` command
USERS = (*SERVICES, OPERATOR)

_EVENTS = (REPORTS.name, INCIDENTS.name, LOGISTICS.name)
_READS, _READ_WRITE = "read", "readWrite"


class Resource(IntEnum):
    """Numbers of Kafka's protocol, as are those of operations."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """To read or to write includes to describe."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


@dataclass(frozen=True, order=True)
class Right:
    """One line of Kafka's access list."""

    user: str
    resource: Resource
    name: str
    operation: Operation


def kafka_rights() -> Iterator[Right]:
    """All of them. Nobody but `desk init` may make, change or drop topics."""
    yield from _topics("intake", _EVENTS, Operation.WRITE)
    for service, group in (("aggregator", AGGREGATOR_GROUP), ("notifier", NOTIFIER_GROUP)):
        yield from _topics(service, (*_EVENTS, ALERTS.name), Operation.READ)
        yield from _topics(service, [DEAD_LETTERS.name], Operation.WRITE)
        yield Right(service, Resource.GROUP, group, Operation.READ)
        yield Right(OPERATOR, Resource.GROUP, group, Operation.DESCRIBE)
    yield from _topics("notifier", [ALERTS.name], Operation.WRITE)
    for operation in (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS):  # dead letters are sent again
        yield from _topics(OPERATOR, [topic.name for topic in ALL], operation)


MONGO_ROLES: Mapping[str, Mapping[str, str]] = {
    "intake": {mongo.INTAKE_DB: _READ_WRITE, mongo.ACCESS_DB: _READ_WRITE},  # its admin API hands out keys
    "aggregator": {mongo.AGGREGATOR_DB: _READ_WRITE, mongo.ACCESS_DB: _READS},
    "notifier": {mongo.NOTIFIER_DB: _READ_WRITE, mongo.ACCESS_DB: _READS},
    OPERATOR: {
        mongo.ACCESS_DB: _READ_WRITE,
        mongo.NOTIFIER_DB: _READ_WRITE,  # receivers are enabled again
        mongo.AGGREGATOR_DB: _READS,
        mongo.INTAKE_DB: _READS,
        "admin": "clusterMonitor",  # `desk doctor` asks how the replica set is
    },
}


def secret_of(folder: Path, system: str, user: str) -> str:
    """A user's secret, out of the folder that holds one file for each, `kafka-intake` say. Raises ValueError."""
    path = folder / f"{system}-{user}"
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"DESK_USERS_DIR: {path} cannot be read: {error}") from None
    if not found:
        raise ValueError(f"DESK_USERS_DIR: {path} is empty")
    return found


def _topics(user: str, names: Iterable[str], operation: Operation) -> Iterator[Right]:
    for name in names:
        yield Right(user, Resource.TOPIC, name, operation)
