"""The outbox: verdicts and alert changes on `desk.alerts`, at least once, each under its own event id."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifier.outbox import Outbox
from services.notifier.store import Store
from shared.events.alert import AlertEvent
from shared.events.codec import decode
from shared.events.incident_status import IncidentStatus
from shared.events.verdict import VerdictEvent
from shared.kafka.producer import PublishFailed
from shared.metrics import Metrics
from shared.topics import ALERTS
from tests.builders import a_report, a_status, a_withdrawal, an_incident, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, Crash, FakePublisher, dying, until_idle

IN_TIME = utc("2024-11-18T08:00:00Z")


def an_outbox(store: Store, publisher: FakePublisher, metrics: Metrics | None = None) -> Outbox:
    return Outbox(store, publisher, metrics or Metrics("test"))


def ids(publisher: FakePublisher) -> list[str]:
    return [decode(ALERTS.name, value).id for _, _, value in publisher.published]


async def test_verdicts_and_alerts_are_published(bench: Bench) -> None:
    """Every verdict and every alert, on the alerts' topic under the regency's key, readable by anyone."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.judge().step()
    await until_idle(bench.settling().step)
    publisher, metrics = FakePublisher(), Metrics("test")
    await until_idle(an_outbox(bench.store, publisher, metrics).step)
    assert sorted(ids(publisher)) == [
        "missing-report:2024-11-18:64.02#1",
        "missing-report:2024-11-18:64.71#1",
        "verdict:2024-11-18:64.02#1",
        "verdict:2024-11-18:64.71#1",
        "verdict:2024-11-18:64.72#1",
    ]
    for topic, key, value in publisher.published:
        event = decode(topic, value)
        assert (topic, key) == (ALERTS.name, event.subject.encode())
        assert isinstance(event, VerdictEvent | AlertEvent)
        assert event.source == "/notifier"
    sample = metrics.registry.get_sample_value
    assert sample("desk_verdicts_total", {"verdict": "missing"}) == 2
    assert sample("desk_verdicts_total", {"verdict": "on_time"}) == 1
    assert sample("desk_alert_changes_total", {"rule": "missing-report", "state": "firing"}) == 2
    assert await an_outbox(bench.store, publisher).step() is False


async def test_only_what_is_new_and_in_order(bench: Bench) -> None:
    """A later verdict is published alone; several at once keep their order."""
    publisher = FakePublisher()
    outbox = an_outbox(bench.store, publisher)
    await bench.judge().step()
    await until_idle(outbox.step)
    publisher.published.clear()
    await bench.file(a_report(JUDGED_AT + timedelta(hours=1), region="64.72"))
    late = a_report(JUDGED_AT + timedelta(hours=2), submitted=IN_TIME, region="64.72", event_id="r2")
    await bench.file(late)
    await until_idle(outbox.step)
    assert ids(publisher) == ["verdict:2024-11-18:64.72#2", "verdict:2024-11-18:64.72#3"]


async def test_a_verdict_that_is_taken_back_is_published(bench: Bench) -> None:
    """Pending again is news to every reader."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.file(a_withdrawal(IN_TIME + timedelta(hours=1)))
    publisher, metrics = FakePublisher(), Metrics("test")
    await until_idle(an_outbox(bench.store, publisher, metrics).step)
    assert ids(publisher) == ["verdict:2024-11-18:64.72#1", "verdict:2024-11-18:64.72#2"]
    told = decode(ALERTS.name, publisher.published[1][2])
    assert isinstance(told, VerdictEvent)
    assert (told.data.verdict, told.data.reason) == ("pending", "report_withdrawn")
    assert metrics.registry.get_sample_value("desk_verdicts_total", {"verdict": "pending"}) == 1


async def test_a_stub_is_published_to_nobody(bench: Bench) -> None:
    """What is said of an incident that nobody knows is no alert yet; then it is told as it stands."""
    await bench.file(a_status(utc("2024-11-26T02:00Z"), IncidentStatus.DISMISSED))
    publisher = FakePublisher()
    assert await an_outbox(bench.store, publisher).step() is False
    await bench.file(an_incident(utc("2024-11-25T02:00Z")))
    await until_idle(an_outbox(bench.store, publisher).step)
    assert ids(publisher) == ["quiet-period-violation:bawaslu:i1#2"]
    told = decode(ALERTS.name, publisher.published[0][2])
    assert isinstance(told, AlertEvent)
    assert (told.data.state, told.data.resolution) == ("resolved", "dismissed")


@pytest.mark.expect_errors("cannot_evaluate")
async def test_system_alert_has_its_own_key(bench: Bench) -> None:
    """What concerns the system itself goes under the key `system`."""
    bench.offsets.done, bench.real_shift = {}, timedelta(hours=1)
    await bench.judge().step()
    publisher = FakePublisher()
    await until_idle(an_outbox(bench.store, publisher).step)
    keys = {event_id: key for event_id, (_, key, _) in zip(ids(publisher), publisher.published, strict=True)}
    assert keys["cannot-evaluate:2024-11-18#1"] == b"system"


async def test_not_confirmed_is_published_again(bench: Bench) -> None:
    """Without Kafka's confirmation nothing is marked, and it is tried again."""
    await bench.judge().step()
    publisher = FakePublisher()
    publisher.fails = PublishFailed("no confirmation")
    with pytest.raises(PublishFailed):
        await an_outbox(bench.store, publisher).step()
    publisher.fails = None
    await until_idle(an_outbox(bench.store, publisher).step)
    assert len(ids(publisher)) == 3


async def test_dies_between_ack_and_mark(bench: Bench) -> None:
    """Published, then dead: published again with the same ids and bytes, which every reader skips."""
    await bench.judge().step()
    publisher = FakePublisher()
    with pytest.raises(Crash):
        await an_outbox(dying(bench.store, "keep_published"), publisher).step()
    before = set(publisher.published)
    await until_idle(an_outbox(bench.store, publisher).step)
    assert before
    assert before <= set(publisher.published)
    assert len(set(publisher.published)) == len(set(ids(publisher))) == 3


async def test_a_verdict_that_comes_meanwhile_is_published(bench: Bench) -> None:
    """A verdict that is written between our reading and our mark is not marked published with the earlier one."""
    await bench.judge().step()
    publisher = FakePublisher()
    outbox = an_outbox(bench.store, publisher)
    original = publisher.publish
    region, filed = b"64.72", False

    async def publish(topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> object:
        nonlocal filed
        if key == region and not filed:
            filed = True
            await bench.file(a_report(JUDGED_AT + timedelta(hours=1), region="64.72"))
        return await original(topic, key, value, headers)

    publisher.publish = publish  # type: ignore[method-assign, assignment]
    await until_idle(outbox.step)
    assert "verdict:2024-11-18:64.72#2" in ids(publisher)
