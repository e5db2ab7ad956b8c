"""The producer: its effective settings, its deadline, and a broker that is away."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata, TopicPartition

from shared.exactly_once.records import Position
from shared.kafka.limits import METADATA_MAX_AGE_MS
from shared.kafka.producer import Producer, PublishFailed
from shared.topics import REPORTS

ALL_IN_SYNC = -1  # acks=all, as it goes over the wire
Headers = list[tuple[str, bytes]]


def a_producer(deadline_s: float = 8.0) -> Producer:
    return Producer("127.0.0.1:1,127.0.0.1:2", deadline_s, "desk.test")


async def test_acks_come_from_all_and_nothing_is_idempotent() -> None:
    """What a 202 rests on: all in-sync replicas; one deadline; no idempotent producer, which may stay dead."""
    effective = AIOKafkaProducer(**a_producer(deadline_s=8)._options)
    assert effective._sender._acks == ALL_IN_SYNC
    assert effective._txn_manager is None
    assert effective._request_timeout_ms == effective._sender._request_timeout_ms == 8_000
    assert effective._message_accumulator._batch_ttl == 8.0
    assert effective._message_accumulator._batch_size == 1024 * 1024
    assert effective.client._metadata_max_age_ms == METADATA_MAX_AGE_MS
    assert sorted(host[:2] for host in effective.client.hosts) == [("127.0.0.1", 1), ("127.0.0.1", 2)]
    assert effective.client._client_id == "desk.test"


class Connected:
    """An aiokafka producer: waits, then fails or confirms at offset 41 of partition 3."""

    def __init__(self, takes_s: float = 0.0, failure: Exception | None = None) -> None:
        self._takes_s, self._failure = takes_s, failure
        self.sent: list[tuple[str, bytes, bytes | None, Headers]] = []
        self.is_stopped = False

    async def start(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        self.is_stopped = True

    async def send_and_wait(self, topic: str, value: bytes, key: bytes | None, headers: Headers) -> RecordMetadata:
        await asyncio.sleep(self._takes_s)
        if self._failure is not None:
            raise self._failure
        self.sent.append((topic, value, key, headers))
        return RecordMetadata(topic, 3, TopicPartition(topic, 3), 41, 0, 0, 0)


def connected_to(broker: Connected, deadline_s: float = 8.0) -> Producer:
    producer = a_producer(deadline_s)
    producer._producer = broker
    return producer


async def test_confirmed_record_has_its_position() -> None:
    """Key, bytes and headers go out as given, and the position of the confirmation comes back."""
    broker = Connected()
    producer = connected_to(broker)
    at = await producer.publish(REPORTS.name, b"64.72", b"{}", [("a", b"1")])
    assert at == Position(REPORTS.name, 3, 41)
    assert broker.sent == [(REPORTS.name, b"{}", b"64.72", [("a", b"1")])]
    await producer.stop()
    assert broker.is_stopped


async def test_deadline() -> None:
    """A broker that does not confirm costs the deadline and no more."""
    producer = connected_to(Connected(takes_s=30), deadline_s=0.05)
    began = time.monotonic()
    with pytest.raises(PublishFailed, match=r"no confirmation within 0\.05 s"):
        await producer.publish(REPORTS.name, None, b"{}", [])
    assert 0.04 < time.monotonic() - began < 5


@pytest.mark.parametrize("failure", [KafkaConnectionError("away"), MessageSizeTooLargeError("big")], ids=repr)
async def test_whatever_kafka_says_is_one_failure(failure: Exception) -> None:
    """Any refusal is PublishFailed and names what Kafka said."""
    with pytest.raises(PublishFailed, match=type(failure).__name__) as raised:
        await connected_to(Connected(failure=failure)).publish(REPORTS.name, None, b"{}", [])
    assert raised.value.__cause__ is failure


async def test_broker_away_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting returns at once; publishing fails at once; what failed to start is closed; it connects when it can."""
    away = [Connected(failure=KafkaConnectionError("away")), Connected(failure=OSError("no such host"))]
    brokers = [*away, Connected()]
    left = iter(brokers)
    monkeypatch.setattr("shared.kafka.producer.AIOKafkaProducer", lambda **_options: next(left))
    producer = a_producer()
    await producer.start()
    with pytest.raises(PublishFailed, match="not answered yet"):
        await producer.publish(REPORTS.name, None, b"{}", [])
    async with asyncio.timeout(5):
        while not producer.is_ready:  # noqa: ASYNC110 - it connects in the background
            await asyncio.sleep(0.01)
    assert [broker.is_stopped for broker in brokers] == [True, True, False]
    await producer.stop()
    assert brokers[-1].is_stopped


async def test_stopped_while_the_broker_is_away() -> None:
    """A process whose broker never answered ends all the same."""
    producer = a_producer()
    await producer.start()
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await producer.stop()
    assert not producer.is_ready
