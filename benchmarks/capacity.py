"""What an installation of a size needs, worked out from `benchmarks/capacity_figures.py`."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from benchmarks.capacity_figures import ASSUMED, MEASURED, Scale
from shared.kafka.partitioning import choose_partition
from shared.topics import REPORTS

MB, GB = 2**20, 2**30
SERVICE_MB, MONGO_CACHE_GB, MONGO_MB, DATABASE_CPUS = 512, 0.5, 1024, 2  # what docker-compose.yml gives by default
CONSUMERS = ("aggregator", "notifier")
PROCESSES = ("intake", *CONSUMERS, "mongod", "Kafka")


@dataclass(frozen=True)
class Need:
    """Of one scale. Rates are events a second, `cores` are at the highest rate, disks are of one machine."""

    events: int
    peak: float
    cores: dict[str, float]
    replicas: dict[str, int]
    partitions: int
    busiest_partition: float
    catch_up_s: float
    service_mb: int
    mongo_cache_gb: float
    mongo_mb: int
    kafka_disk_gb: float
    mongo_disk_gb: float


def measured(name: str) -> float:
    return MEASURED[name].value


def assumed(name: str) -> float:
    return ASSUMED[name].value


def need(scale: Scale) -> Need:
    """All of it."""
    stations, villages = scale.polling_stations, scale.villages
    reports = villages * assumed("reports of a village in all")
    events = stations * assumed("events of a polling station in all") + reports
    peak = peak_rate(scale)
    cores = cores_at(peak)
    least = 2 if scale.is_cluster else 1  # one may die, or be exchanged for a newer one
    replicas = {name: max(least, instances(cores[name])) for name in ("intake", *CONSUMERS)}
    partitions = partitions_for(max(replicas[name] for name in CONSUMERS))
    files_gb = files_of(events, scale) / GB
    cache_gb = max(MONGO_CACHE_GB, up_to(files_gb * assumed("part of the databases that is in use"), 0.5))
    memory = measured("a service's memory") + villages * measured("memory of a reporting region") / 1024
    return Need(
        events=round(events),
        peak=peak,
        cores=cores,
        replicas=replicas,
        partitions=partitions,
        busiest_partition=busiest_share(scale.regencies, partitions),
        catch_up_s=max(catch_up(name, peak, replicas[name], database_cpus(cores["mongod"])) for name in CONSUMERS),
        service_mb=max(SERVICE_MB, round(up_to(2 * memory, 256))),
        mongo_cache_gb=cache_gb,
        mongo_mb=max(MONGO_MB, round(up_to(2 * cache_gb * 1024, 512))),
        kafka_disk_gb=events * measured("Kafka disk") / GB / assumed("part of the disk that may be full"),
        mongo_disk_gb=files_gb / assumed("part of the disk that may be full"),
    )


def peak_rate(scale: Scale) -> float:
    """The busier of two hours: all polling stations at once, or the last one before Monday's deadline."""
    voting = scale.polling_stations * assumed("events of a polling station in its busiest hour")
    monday = scale.villages * assumed("part of the villages that report in the last hour")
    return max(voting, monday) / 3600


def cores_at(rate: float) -> dict[str, float]:
    """The less an event costs, the more there are: whoever reads many at once writes many at once."""
    violations = rate / assumed("polling stations for one violation")
    alone = assumed("events/s up to which each costs as one of few")
    few, many = min(rate, alone), max(0.0, rate - alone)
    us = {name: few * measured(f"{name} CPU, few") + many * measured(f"{name} CPU, many") for name in PROCESSES}
    for name in ("notifier", "mongod"):
        us[name] += violations * measured(f"{name} CPU, a violation")
    return {name: used / 1e6 for name, used in us.items()}


def files_of(events: float, scale: Scale) -> float:
    """Bytes of all databases at the end of the election."""
    violations = scale.polling_stations / assumed("polling stations for one violation")
    each = sum(measured(f"desk_{name} disk") for name in ("intake", "aggregator", "notifier"))
    return events * each + violations * measured("databases' disk, a violation")


def instances(cores: float) -> int:
    """Of a process that uses one core at most."""
    return math.ceil(cores / assumed("part of a core that a replica may take"))


def partitions_for(replicas: int) -> int:
    """At least two for each consumer, so that their load evens out; doubled, never halved."""
    found = REPORTS.partitions
    while found < 2 * replicas:
        found *= 2
    return found


def busiest_share(regencies: int, partitions: int) -> float:
    """The part of all events that lands in the busiest partition, if regencies of made-up codes have equally many."""
    codes = (f"{11 + n // 99}.{n % 99 + 1:02}" for n in range(regencies))
    counted = Counter(choose_partition(code.encode(), range(partitions)) for code in codes)
    return max(counted.values()) / regencies


def catch_up(consumer: str, peak: float, replicas: int, cpus: int) -> float:
    """Seconds until a service has read all that came in an outage, while as much goes on coming. A core for each
    replica, or the mongod that leads with its `cpus`, bounds it."""
    per_s = min(replicas * 1e6 / cpu_of_many(consumer), cpus * 1e6 / cpu_of_many("mongod"))
    return peak * assumed("outage that is caught up") / (per_s - peak)


def cpu_of_many(name: str) -> float:
    """us of an event among many, with its share of the violations."""
    alert = MEASURED.get(f"{name} CPU, a violation")
    share = alert.value / assumed("polling stations for one violation") if alert else 0.0
    return measured(f"{name} CPU, many") + share


def database_cpus(cores: float) -> int:
    """The limit of a container that uses several."""
    return max(DATABASE_CPUS, instances(cores))


def up_to(value: float, step: float) -> float:
    return math.ceil(value / step) * step
