"""Metrics and topics: documented, bounded, and named once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from shared import topics
from shared.exactly_once.sightings import Standing
from shared.metrics import Metrics

# No label whose values grow with what is sent: no region, no id, no path.
BOUNDED = {"service", "kind", "duplicate", "status", "topic", "outcome", "reason", "verdict", "rule", "state"}
BOUNDED |= {"channel", "loop"}
BOUNDED |= {"receiver"}  # the names in the receivers file, each of which has a loop of its name already
ROOT = Path(__file__).resolve().parents[2]


def all_metrics() -> dict[str, MetricWrapperBase]:
    return {name: m for name, m in vars(Metrics("test")).items() if isinstance(m, MetricWrapperBase)}


def test_every_metric_is_documented_and_named_after_its_unit() -> None:
    """Each says what it counts; counters end in `_total`, histograms of time in `_seconds`."""
    exposition = Metrics("test").render()[0].decode()
    assert len(all_metrics()) > 10
    for metric in all_metrics().values():
        assert len(metric._documentation) > 9, metric
        assert re.fullmatch(r"desk_[a-z_]+", metric._name)
        name = f"{metric._name}_total" if metric._type == "counter" else metric._name
        assert f"# HELP {name} {metric._documentation}" in exposition
        assert metric._type != "histogram" or metric._name.endswith(("_seconds", "_records"))


SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("services", "shared")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != ROOT / "shared" / "metrics.py"
)


@pytest.mark.parametrize("name", sorted(all_metrics().keys() - {"info"}))
def test_every_metric_is_counted_somewhere(name: str) -> None:
    """A metric that nothing sets is a promise on a dashboard. (`info` is set where it is made.)"""
    assert re.search(rf"metrics\.{name}\.(labels|inc|set|set_function|observe)\b", SOURCES)


def test_labels_are_bounded() -> None:
    """Only labels whose values we know beforehand."""
    for metric in all_metrics().values():
        assert set(metric._labelnames) <= BOUNDED, metric


def test_each_process_has_its_own_registry() -> None:
    """Two registries share nothing, so tests and replicas in one process do not count each other's."""
    one, other = Metrics("one"), Metrics("other")
    one.records.labels(topics.REPORTS.name, Standing.FIRST.value).inc()
    sample = 'desk_records_total{outcome="first",topic="desk.reports"} 1.0'
    assert sample in one.render()[0].decode()
    assert sample not in other.render()[0].decode()
    assert 'desk_info{service="other"} 1.0' in other.render()[0].decode()


def test_topics() -> None:
    """Five topics, partitioned, kept for the whole election up to the next spring's re-votes; a group a service."""
    assert [t.name for t in topics.ALL] == [
        "desk.reports",
        "desk.incidents",
        "desk.logistics",
        "desk.alerts",
        "desk.dead-letters",
    ]
    assert all(t.partitions > 1 and t.retention_ms >= 365 * topics.DAY_MS for t in topics.ALL)
    assert topics.AGGREGATOR_GROUP != topics.NOTIFIER_GROUP
