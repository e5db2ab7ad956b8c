"""docs/scaling.md is worked out from measured figures, and compose can be told what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import capacity, scaling
from benchmarks.capacity_figures import ASSUMED, MEASURED, SCALES, Scale

ROOT = Path(__file__).resolve().parents[2]
KALTIM, NATION, TEN_TIMES = SCALES


def test_the_document_is_as_the_figures_are() -> None:
    document = scaling.DOCUMENT.read_text(encoding="utf-8")
    assert scaling.written(document) == document, "run: python -m benchmarks.scaling --write"


def test_every_setting_named_is_one_of_compose() -> None:
    """And has a value that is no less than the default."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(DESK_\w+|COMPOSE_FILE)=", scaling.as_document(), re.MULTILINE))
    assert named == {name for name in named if f"# {name}=" in example}
    assert named >= {"DESK_INTAKE_REPLICAS", "DESK_MONGO_CACHE_GB", "DESK_KAFKA_CPUS"}


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.name)
def test_nothing_that_is_needed_exceeds_what_is_given(scale: Scale) -> None:
    """At the highest rate: replicas have work for half a core, partitions for two each, no partition is too much for
    one replica, memory and disk hold twice what is in them."""
    found = capacity.need(scale)
    for name, replicas in found.replicas.items():
        assert found.cores[name] / replicas <= 0.5, name
    assert found.partitions >= 2 * max(found.replicas["aggregator"], found.replicas["notifier"])
    assert found.busiest_partition * max(found.cores["aggregator"], found.cores["notifier"]) <= 1
    assert 0 < found.catch_up_s < 3600
    assert found.service_mb >= 2 * MEASURED["a service's memory"].value
    assert found.kafka_disk_gb * capacity.GB >= 2 * found.events * MEASURED["Kafka disk"].value


@pytest.mark.parametrize("times", [1, 10, 100])
def test_more_of_everything_needs_more(times: int) -> None:
    """A nation so many times as large: rate and disks grow in proportion, cores less (batches grow)."""
    small = capacity.need(NATION)
    sizes = {name: getattr(NATION, name) * times for name in ("regencies", "villages", "polling_stations")}
    large = capacity.need(replace(NATION, **sizes))
    assert large.peak == pytest.approx(times * small.peak)
    assert large.kafka_disk_gb == pytest.approx(times * small.kafka_disk_gb)
    assert all(
        small.cores[name] <= large.cores[name] <= times * small.cores[name] + 1e-9 for name in capacity.PROCESSES
    )
    assert large.replicas["intake"] >= max(2, 2 * large.cores["intake"])
    assert large.catch_up_s < 3600


def test_each_figure_says_where_it_is_from() -> None:
    assert all(figure.source and figure.value > 0 for figure in (*MEASURED.values(), *ASSUMED.values()))
