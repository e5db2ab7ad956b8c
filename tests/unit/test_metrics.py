"""Metrics and topics: documented, bounded, and named once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics import MetricWrapperBase

from shared import topics
from shared.exactly_once.sightings import Standing
from shared.metrics import Metrics
from shared.metrics.few_names import NOBODY, OTHERS, PEOPLE, FewNames
from shared.metrics.many_at_once import BatchHistogram
from shared.strict import SLUG

# No label whose values grow with what is sent: no region, no id, no path.
BOUNDED = {"service", "kind", "duplicate", "topic", "outcome", "reason", "verdict", "rule", "state"}
BOUNDED |= {"channel", "loop"}
BOUNDED |= {"agency"}  # the first so many holders of keys, who go through `agency_name`
BOUNDED |= {"address"}  # those of the setting DESK_CERTIFICATES
BOUNDED |= {"receiver"}  # the names in the receivers file, each of which has a loop of its name already
ROOT = Path(__file__).resolve().parents[2]
CONSUMERS = ("aggregator", "notifier")


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


def rows_of(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    rows = re.findall(r"^\| .*", text, re.MULTILINE)[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_is_the_module() -> None:
    """docs/metrics.md has each metric, with its type, its labels, who shows it, and a question that it answers."""
    rows = rows_of((ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"))
    told = {row[0].strip("`"): (row[1], row[2].replace("`", ""), row[3]) for row in rows}
    shown = {
        service: {family.name for family in Metrics(service).registry.collect()} for service in ("intake", *CONSUMERS)
    }
    expected = {}
    for metric in all_metrics().values():
        who = [service for service, names in shown.items() if metric._name in names]
        name = f"{metric._name}_total" if metric._type == "counter" else metric._name
        expected[name] = (metric._type, ", ".join(metric._labelnames), ", ".join(who) if len(who) < 3 else "all")
    assert told == expected
    assert all(row[4].endswith("?") and len(row[4]) > 15 for row in rows)


def test_the_first_names_are_told_apart() -> None:
    """However many are made up: as many values as were allowed, and one more."""
    name = FewNames(3)
    assert [name(n) for n in "abacdb"] == ["a", "b", "a", "c", OTHERS, "b"]
    assert {name(f"made-up-{n}") for n in range(100_000)} == {OTHERS}
    assert not any(re.fullmatch(SLUG, made) for made in (OTHERS, NOBODY, PEOPLE))  # no agency can be called so


@given(
    st.lists(st.tuples(st.floats(0, 100) | st.sampled_from([0.1, 1.0, 10.0]), st.integers(1, 50)), max_size=30),
)
def test_a_batch_observed_at_once(observed: list[tuple[float, int]]) -> None:
    """The same buckets, count and sum as one by one."""
    registry, buckets = CollectorRegistry(), (0.1, 1, 10)
    at_once = BatchHistogram("at_once", "all in one call", buckets=buckets, registry=registry)
    singly = Histogram("singly", "one by one", buckets=buckets, registry=registry)
    at_once.observe_many(dict(observed))
    for value, times in dict(observed).items():
        for _ in range(times):
            singly.observe(value)
    one, other = ([s for f in m.collect() for s in f.samples if "_created" not in s.name] for m in (at_once, singly))
    assert [(s.labels, s.name[7:]) for s in one] == [(s.labels, s.name[6:]) for s in other]
    assert [s.value for s in one] == pytest.approx([s.value for s in other])


SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("services", "shared")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.parent != ROOT / "shared" / "metrics"
)


@pytest.mark.parametrize("name", sorted(all_metrics().keys() - {"info"}))
def test_every_metric_is_counted_somewhere(name: str) -> None:
    """A metric that nothing sets is a promise on a dashboard. (`info` is set where it is made.)"""
    assert re.search(
        rf"metrics\.{name}\.(labels|inc|set|set_function|set_to_current_time|observe|observe_many|time)\b", SOURCES
    )


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
