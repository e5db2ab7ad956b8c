"""The producer: its effective settings, its deadline, a broker that is away, and a client that is replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.kafka import producer as producer_module
from shared.kafka.limits import MAX_BATCH_BYTES, METADATA_MAX_AGE_MS
from shared.kafka.producer import Producer, PublishFailed
from shared.metrics import Metrics
from shared.records import Position
from shared.topics import REPORTS

ALL_IN_SYNC = -1  # acks=all, as it goes over the wire


def a_producer(deadline_s: float = 8.0) -> Producer:
    return Producer("127.0.0.1:1,127.0.0.1:2", deadline_s, "desk.test", Metrics("test"))


async def test_acks_come_from_all_and_nothing_is_idempotent() -> None:
    """What a 202 rests on: all in-sync replicas; one deadline; no idempotent producer, which may stay dead."""
    effective = AIOKafkaProducer(**a_producer(deadline_s=8)._options)
    assert effective._sender._acks == ALL_IN_SYNC
    assert effective._txn_manager is None
    assert effective._request_timeout_ms == effective._sender._request_timeout_ms == 8_000
    assert effective._message_accumulator._batch_ttl == 8.0
    assert effective._message_accumulator._batch_size == MAX_BATCH_BYTES == 1024 * 1024
    assert effective.client._metadata_max_age_ms == METADATA_MAX_AGE_MS
    assert sorted(host[:2] for host in effective.client.hosts) == [("127.0.0.1", 1), ("127.0.0.1", 2)]
    assert effective.client._client_id == "desk.test"


class Client:
    """An aiokafka producer of one partition (3): confirms from offset 41 on, fails, or never answers."""

    def __init__(self, failure: Exception | None = None, is_hanging: bool = False, starts: bool = True) -> None:
        self._failure, self._is_hanging, self._starts = failure, is_hanging, starts
        self.sent: list[tuple[str, int, int]] = []
        self.is_stopped = False

    async def start(self) -> None:
        if not self._starts:
            raise self._failure or KafkaConnectionError("away")

    async def stop(self) -> None:
        self.is_stopped = True

    async def partitions_for(self, _topic: str) -> set[int]:
        return {3}

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(MAX_BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        confirmed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            confirmed.set_exception(self._failure)
        elif not self._is_hanging:
            confirmed.set_result(type("Metadata", (), {"offset": 41}))
        self.sent.append((topic, partition, batch.record_count()))
        return confirmed


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """What the producer gets when it makes a client, in order."""
    left: list[Client] = []
    monkeypatch.setattr(producer_module, "AIOKafkaProducer", lambda **_options: left.pop(0))
    monkeypatch.setattr(producer_module, "_LOOK_EVERY_S", 0.01)
    return left


async def connected(deadline_s: float = 8.0) -> Producer:
    producer = a_producer(deadline_s)
    await producer.start()
    await until(lambda: producer.is_ready)
    return producer


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - it happens in the background
            await asyncio.sleep(0.005)


async def test_confirmed_record_has_its_position(clients: list[Client]) -> None:
    """The position of the confirmation comes back, and stopping stops the client."""
    client = Client()
    clients.append(client)
    producer = await connected()
    assert await producer.publish(REPORTS.name, b"64.72", b"{}", [("a", b"1")]) == Position(REPORTS.name, 3, 41)
    assert client.sent == [(REPORTS.name, 3, 1)]
    await producer.stop()
    assert client.is_stopped


async def test_deadline(clients: list[Client]) -> None:
    """A broker that does not confirm costs the deadline and no more, and stopping does not wait for it."""
    clients.append(Client(is_hanging=True))
    producer = await connected(deadline_s=0.05)
    began = time.monotonic()
    with pytest.raises(PublishFailed, match=r"no confirmation within 0\.05 s"):
        await producer.publish(REPORTS.name, None, b"{}", [])
    assert 0.04 < time.monotonic() - began < 5
    await producer.stop()


@pytest.mark.parametrize("failure", [KafkaConnectionError("away"), TopicAuthorizationFailedError("no")], ids=repr)
async def test_whatever_kafka_says_is_one_failure(clients: list[Client], failure: Exception) -> None:
    """Any refusal is PublishFailed and names what Kafka said."""
    clients.append(Client(failure=failure))
    producer = await connected()
    with pytest.raises(PublishFailed, match=type(failure).__name__) as raised:
        await producer.publish(REPORTS.name, None, b"{}", [])
    assert raised.value.__cause__ is failure
    await producer.stop()


async def test_broker_away_at_the_start(clients: list[Client]) -> None:
    """Starting returns at once; publishing fails at once; what failed to start is closed; it connects when it can."""
    tried = [Client(starts=False), Client(OSError("no such host"), starts=False), Client()]
    clients.extend(tried)
    producer = a_producer()
    await producer.start()
    with pytest.raises(PublishFailed, match="not answered yet"):
        await producer.publish(REPORTS.name, None, b"{}", [])
    await until(lambda: producer.is_ready)
    assert [client.is_stopped for client in tried] == [True, True, False]
    await producer.stop()
    assert tried[-1].is_stopped


@pytest.mark.parametrize(
    ("dead", "is_replaced"),
    [
        (Client(is_hanging=True), True),
        (Client(failure=KafkaConnectionError("again and again")), True),
        (Client(failure=KafkaError("Unexpected error during batch delivery")), True),
        (Client(failure=TopicAuthorizationFailedError("no")), False),
        (Client(), False),
    ],
    ids=["hangs", "never connects", "its sender has died", "says no", "is well"],
)
async def test_client_that_confirms_nothing_is_replaced(
    clients: list[Client], dead: Client, is_replaced: bool
) -> None:
    """One that was given something and has confirmed nothing for one and a half deadlines is replaced, as soon as
    another one connects, and closed; a no is an answer."""
    other = Client()
    clients += [dead, Client(starts=False), other]
    producer = await connected(deadline_s=0.1)
    await asyncio.wait([asyncio.create_task(producer.publish(REPORTS.name, b"64.72", b"{}", []))])
    if is_replaced:
        await until(lambda: dead.is_stopped)
    else:
        await asyncio.sleep(0.3)
    assert (dead.is_stopped, len(clients)) == ((True, 0) if is_replaced else (False, 2))
    if is_replaced:
        assert await producer.publish(REPORTS.name, b"64.72", b"{}", []) == Position(REPORTS.name, 3, 41)
    await producer.stop()


async def test_stopped_while_the_broker_is_away() -> None:
    """A process whose broker never answered ends all the same."""
    producer = a_producer()
    await producer.start()
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await producer.stop()
    assert not producer.is_ready
