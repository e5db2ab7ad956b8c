"""The figures that docs/scaling.md is worked out from, in one place: what was measured, and what is assumed.

Whoever measures anew changes them here and runs `python -m benchmarks.scaling --write`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Figure:
    """A number, and where it is from."""

    value: float
    unit: str
    source: str


_COST = "`python -m benchmarks.event_cost`"
_FEW = f"{_COST}: reports by single calls at the nation's rate, 121 a second"
_MANY = f"{_COST}: batches of 500 lines; the dearest kind without an alert"
_JUDGING = "`python -m benchmarks.judging`, docs/performance.md"

MEASURED: Mapping[str, Figure] = MappingProxyType(
    {
        "intake CPU, few": Figure(1481, "us", _FEW),
        "aggregator CPU, few": Figure(997, "us", _FEW),
        "notifier CPU, few": Figure(1292, "us", _FEW),
        "mongod CPU, few": Figure(2335, "us", _FEW),
        "Kafka CPU, few": Figure(933, "us", _FEW),
        "intake CPU, many": Figure(209, "us", "docs/performance.md: one event, 64 connections"),
        "aggregator CPU, many": Figure(119, "us", _MANY),
        "notifier CPU, many": Figure(162, "us", _MANY),
        "mongod CPU, many": Figure(263, "us", _MANY),
        "Kafka CPU, many": Figure(104, "us", _MANY),
        "notifier CPU, a violation": Figure(6818, "us", f"{_COST}: its alert, one delivery to the console"),
        "mongod CPU, a violation": Figure(6593, "us", f"{_COST}: documents of three services, and their oplog"),
        "Kafka disk": Figure(879, "bytes", f"{_COST}: one replica, 290 letters of text, no compression"),
        "desk_intake disk": Figure(185, "bytes", f"{_COST}: files with indexes, one member"),
        "desk_aggregator disk": Figure(834, "bytes", f"{_COST}: files with indexes, one member"),
        "desk_notifier disk": Figure(316, "bytes", f"{_COST}: files with indexes, one member"),
        "databases' disk, a violation": Figure(5224, "bytes", f"{_COST}: all three, one member"),
        "a service's memory": Figure(140, "MB", f"{_COST}: the largest of the three, 508 regions"),
        "memory of a reporting region": Figure(0.44, "KB", f"{_JUDGING}: 150 MB at 100,000, 544 MB at 1,000,000"),
    }
)

ASSUMED: Mapping[str, Figure] = MappingProxyType(
    {
        "events/s up to which each costs as one of few": Figure(121, "", "those beyond cost as of many: batches grow"),
        "events of a polling station in its busiest hour": Figure(1, "", "each sends one; single calls"),
        "events of a polling station in all": Figure(4, "", "logistics, opening, count, one incident"),
        "reports of a village in all": Figure(12, "", "every Monday from 30 September to 16 December"),
        "part of the villages that report in the last hour": Figure(0.5, "", "before Monday's deadline; single calls"),
        "polling stations for one violation": Figure(106, "", "59 violations at Kaltim's 6,274 polling stations"),
        "part of a core that a replica may take": Figure(0.5, "", "the other half is for the rush in the rush"),
        "outage that is caught up": Figure(3600, "s", "an hour without consumers at the highest rate"),
        "part of the disk that may be full": Figure(0.5, "", "the rest for growth, compaction, backups"),
        "part of the databases that is in use": Figure(0.1, "", "what mongod's cache should hold"),
    }
)


@dataclass(frozen=True)
class Scale:
    """How much there is of what: 2024's figures of the election commission, and ten times those of the nation."""

    name: str
    regencies: int
    villages: int
    polling_stations: int
    is_cluster: bool


SCALES = (
    Scale("Kaltim", 10, 1_038, 6_274, is_cluster=False),
    Scale("the nation", 508, 83_762, 435_296, is_cluster=True),
    Scale("ten times the nation", 5_080, 837_620, 4_352_960, is_cluster=True),
)
