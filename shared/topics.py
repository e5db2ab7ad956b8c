"""Every Kafka topic, in one place: name, partitions, retention. Created by `desk init`, never by accident."""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 24 * 3600 * 1000
# An election from the first period to the last lawsuit: re-votes of 2024 were held in April 2025.
WHOLE_ELECTION_MS = 400 * DAY_MS


@dataclass(frozen=True)
class Topic:
    """The key of a record is always the regency's code, so that one regency's events keep their order."""

    name: str
    partitions: int = 12
    retention_ms: int = WHOLE_ELECTION_MS


REPORTS = Topic("desk.reports")
INCIDENTS = Topic("desk.incidents")
LOGISTICS = Topic("desk.logistics")
ALERTS = Topic("desk.alerts")
DEAD_LETTERS = Topic("desk.dead-letters", partitions=3)

ALL = (REPORTS, INCIDENTS, LOGISTICS, ALERTS, DEAD_LETTERS)

# Consumer groups: one a service, named after it.
AGGREGATOR_GROUP = "desk.aggregator"
NOTIFIER_GROUP = "desk.notifier"
