"""Group commit: which records share a send, who fails with whom, and what is let go."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, NotLeaderForPartitionError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.group_commit import GroupCommit
from shared.kafka.partitioning import choose_partition
from shared.kafka.posted import PublishFailed
from shared.records import Position

TOPIC = "desk.reports"
BATCH_BYTES = 4_096
FIRST_OFFSET = 100


class Client:
    """An aiokafka client whose confirmations wait for `gate`. Fails with `failure`; refuses what exceeds `takes`."""

    def __init__(self, partitions: int = 1, takes: int = 10**9) -> None:
        self.partitions, self.takes = partitions, takes
        self.gate = asyncio.Event()
        self.sent: list[tuple[int, list[bytes]]] = []
        self.failure: Exception | None = None
        self.metadata_after_s: dict[str, float] = {}
        self._ends: dict[int, int] = {}

    async def partitions_for(self, topic: str) -> set[int]:
        await asyncio.sleep(self.metadata_after_s.get(topic, 0.0))
        return set(range(self.partitions))

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, _topic: str, *, partition: int) -> asyncio.Task[Any]:
        self.sent.append((partition, [r.value for r in DefaultRecordBatch(bytes(batch._build()))]))
        return asyncio.create_task(self._confirm(self.failure, batch.size(), partition, batch.record_count()))

    async def _confirm(self, failure: Exception | None, size: int, partition: int, records: int) -> Any:
        await self.gate.wait()
        if failure is not None:
            raise failure
        if size > self.takes:
            raise MessageSizeTooLargeError
        offset = self._ends.get(partition, FIRST_OFFSET)
        self._ends[partition] = offset + records
        return type("Metadata", (), {"offset": offset})


class Committed:
    """A group commit over a client, and what it counted."""

    def __init__(self, client: Client, deadline_s: float = 5.0) -> None:
        self.client = client
        self.counted: list[int] = []
        self.commit = GroupCommit(client, deadline_s, self.counted.append)

    def publish(self, value: bytes, key: bytes = b"64.72") -> asyncio.Task[Position]:
        return asyncio.create_task(self.commit.publish(TOPIC, key, value, [("h", b"1")]))

    async def until_sent(self, batches: int) -> None:
        async with asyncio.timeout(5):
            while len(self.client.sent) < batches:  # noqa: ASYNC110 - the fake has no event
                await asyncio.sleep(0)


async def test_records_of_one_turn_share_a_send_and_later_ones_the_next() -> None:
    """What comes in one turn of the loop goes together; what comes while that is under way goes together after it."""
    made = Committed(Client())
    first = [made.publish(b"a"), made.publish(b"b")]
    await made.until_sent(1)
    second = [made.publish(b"c"), made.publish(b"d"), made.publish(b"e")]
    await asyncio.sleep(0)
    made.client.gate.set()
    found = await asyncio.gather(*first, *second)
    assert made.client.sent == [(0, [b"a", b"b"]), (0, [b"c", b"d", b"e"])]
    assert found == [Position(TOPIC, 0, FIRST_OFFSET + n) for n in range(5)]
    assert made.counted == [2, 3]


async def test_a_partition_that_hangs_holds_up_no_other() -> None:
    """Each partition has its own batch under way."""
    made = Committed(Client(partitions=12))
    made.client.gate.set()
    keys = {choose_partition(b"64.%02d" % n, range(12)): b"64.%02d" % n for n in range(99)}
    await asyncio.gather(*(made.publish(b"x", key) for key in keys.values()))
    assert sorted(partition for partition, _ in made.client.sent) == sorted(keys)


async def test_a_full_batch_goes_and_the_rest_follows() -> None:
    """Records beyond one batch's size make the next, in order; each caller gets its own position."""
    made = Committed(Client())
    made.client.gate.set()
    values = [b"%04d" % n + b"x" * 500 for n in range(20)]
    found = await asyncio.gather(*map(made.publish, values))
    assert [value for _, batch in made.client.sent for value in batch] == values
    assert len(made.client.sent) == 3
    assert [position.offset for position in found] == list(range(FIRST_OFFSET, FIRST_OFFSET + 20))


@pytest.mark.parametrize("size", [2_000_000, 3_000], ids=["beyond any batch", "beyond what this broker takes"])
async def test_a_record_that_is_too_large_fails_alone(size: int) -> None:
    """Its neighbours in the queue are confirmed, also those that a broker refused together with it."""
    made = Committed(Client(takes=2_000))
    made.client.gate.set()
    values = [b"a", b"b", b"!" * size, b"c", b"d"]
    found = await asyncio.gather(*map(made.publish, values), return_exceptions=True)
    assert [isinstance(f, Position) for f in found] == [True, True, False, True, True]
    assert isinstance(found[2], PublishFailed)
    assert "MessageSizeTooLargeError" in str(found[2])
    assert len({f.offset for f in found if isinstance(f, Position)}) == 4


async def test_a_record_that_cannot_be_encoded_fails_alone() -> None:
    """A mistake of one caller is told to that caller."""
    made = Committed(Client())
    made.client.gate.set()
    wrong = asyncio.create_task(made.commit.publish(TOPIC, b"k", b"v", [("\ud800", b"")]))
    fine = made.publish(b"a")
    with pytest.raises(UnicodeEncodeError):
        await wrong
    assert (await fine).offset == FIRST_OFFSET


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    """Before the send its record is not sent at all; afterwards the others keep their places."""
    made = Committed(Client())
    early, stays, late = [made.publish(v) for v in (b"early", b"stays", b"late")]
    await asyncio.sleep(0)  # they queue
    early.cancel()
    await made.until_sent(1)
    late.cancel()
    last = made.publish(b"last")
    made.client.gate.set()
    assert (await stays, await last) == (Position(TOPIC, 0, 100), Position(TOPIC, 0, 102))
    assert made.client.sent == [(0, [b"stays", b"late"]), (0, [b"last"])]
    assert early.cancelled()
    assert late.cancelled()


async def test_nobody_waits_longer_than_the_deadline_and_no_ghost_is_kept() -> None:
    """With a broker that hangs, queued records are let go when their callers fail: nothing of them is sent later."""
    made = Committed(Client(), deadline_s=0.1)
    began = asyncio.get_running_loop().time()
    hanging = made.publish(b"under way")
    await made.until_sent(1)
    queued = [made.publish(b"%d" % n) for n in range(50)]
    failed = await asyncio.gather(hanging, *queued, return_exceptions=True)
    assert {str(f) for f in failed} == {"no confirmation within 0.1 s"}
    assert asyncio.get_running_loop().time() - began < 2
    assert not made.commit._live
    assert not any(lane.waiting for lane in made.commit._lanes.values())
    made.client.gate.set()
    await made.publish(b"new")
    assert made.client.sent == [(0, [b"under way"]), (0, [b"new"])]


async def test_a_failed_send_fails_its_own_records_alone() -> None:
    """Those that came later are tried."""
    made = Committed(Client())
    made.client.failure = KafkaConnectionError("away")
    first = made.publish(b"a")
    await made.until_sent(1)
    second = made.publish(b"b")
    made.client.failure = None
    made.client.gate.set()
    with pytest.raises(PublishFailed, match="KafkaConnectionError: away"):
        await first
    assert (await second).offset == FIRST_OFFSET


@pytest.mark.parametrize(
    ("failure", "is_silent"),
    [(None, False), (MessageSizeTooLargeError(), False), (NotLeaderForPartitionError(), True)],
    ids=["confirmed", "refused", "passing"],
)
async def test_silence(failure: Exception | None, is_silent: bool) -> None:
    """Silence begins with the first attempt and ends with an answer; a passing failure is none."""
    made = Committed(Client())
    assert made.commit.silent_s() == 0
    made.client.failure = failure
    sending = made.publish(b"a")
    await made.until_sent(1)
    await asyncio.sleep(0.02)
    assert made.commit.silent_s() > 0.01
    made.client.gate.set()
    await asyncio.wait([sending])
    assert (made.commit.silent_s() > 0) is is_silent


async def test_partitions_that_are_added_are_used() -> None:
    """The partitions are those of the metadata of the moment."""
    made = Committed(Client())
    made.client.gate.set()
    key = next(b"64.%02d" % n for n in range(99) if choose_partition(b"64.%02d" % n, range(6)) == 5)
    assert (await made.publish(b"a", key)).partition == 0
    made.client.partitions = 6
    assert (await made.publish(b"b", key)).partition == 5


@given(st.binary(max_size=40), st.integers(1, 40))
def test_a_key_has_the_partition_that_aiokafka_gives_it(key: bytes, partitions: int) -> None:
    """Consumers rely on it: one regency, one partition, whoever produces."""
    everywhere = list(range(partitions))
    assert choose_partition(key, everywhere) == DefaultPartitioner()(key, everywhere, everywhere)


def test_without_a_key_any_partition_will_do() -> None:
    """Load spreads."""
    assert {choose_partition(None, [0, 1, 2]) for _ in range(200)} == {0, 1, 2}


async def test_a_silent_kafka_is_asked_with_a_single_record() -> None:
    """After a failure one record goes alone; when it is confirmed, all the others follow together: had they gone with
    it, they would all be written when a dead broker comes back, long after their callers have gone."""
    made = Committed(Client())
    made.client.failure = KafkaConnectionError("away")
    lost = made.publish(b"lost")
    await made.until_sent(1)
    waiting = [made.publish(value) for value in (b"a", b"b", b"c")]
    made.client.failure = None
    made.client.gate.set()
    await asyncio.wait([lost, *waiting])
    assert [values for _, values in made.client.sent] == [[b"lost"], [b"a"], [b"b", b"c"]]


async def test_waiting_for_metadata_is_part_of_the_deadline() -> None:
    """A record whose topic became known late fails by its own deadline, before those that came after it."""
    made, failed = Committed(Client(), deadline_s=0.3), list[str]()
    made.client.metadata_after_s = {"late": 0.2, "never": 60}

    async def publish(topic: str) -> None:
        with pytest.raises(PublishFailed, match="no confirmation within"):
            await made.commit.publish(topic, b"k", b"v", [])
        failed.append(topic)

    publishing = [asyncio.create_task(publish(topic)) for topic in ("late", "never")]
    await asyncio.sleep(0.18)  # the later deadline is later by more than one timer covers
    publishing.append(asyncio.create_task(publish(TOPIC)))
    await asyncio.gather(*publishing)
    assert set(failed[:2]) == {"late", "never"}
    assert not made.commit._live


async def test_what_a_caller_has_waited_before_is_part_of_the_deadline() -> None:
    """A record that comes with its time nearly used up fails before those that came earlier."""
    made, failed = Committed(Client(), deadline_s=0.6), list[bytes]()

    async def publish(value: bytes, waited_s: float) -> None:
        with pytest.raises(PublishFailed, match="no confirmation within"):
            await made.commit.publish(TOPIC, b"k", value, [], waited_s)
        failed.append(value)

    await asyncio.gather(publish(b"fresh", 0.0), publish(b"late", 0.4), publish(b"too late", 0.7))
    assert failed == [b"too late", b"late", b"fresh"]


async def test_everybody_who_has_waited_before_fails_in_time() -> None:
    """Also one behind another who has waited as long, and one for whom the timer of somebody served before is set."""
    made, loop = Committed(Client(), deadline_s=0.8), asyncio.get_running_loop()
    began_s, took_s = loop.time(), dict[bytes, float]()

    async def publish(value: bytes, waited_s: float) -> None:
        with pytest.raises(PublishFailed, match="no confirmation within"):
            await made.commit.publish(TOPIC, b"k", value, [], waited_s)
        took_s[value] = loop.time() - began_s

    made.client.gate.set()
    await made.publish(b"served")
    made.client.gate.clear()
    await publish(b"alone", 0.6)
    began_s = loop.time()
    await asyncio.gather(publish(b"fresh", 0.0), publish(b"late", 0.6), publish(b"as late", 0.6))
    assert max(took_s[b"alone"], took_s[b"late"], took_s[b"as late"]) < 0.5, took_s


async def test_who_posts_hears_of_each_record_by_itself() -> None:
    """A partition that hangs holds up no record of another, though one caller posted them all; each is told once."""
    made, heard = Committed(Client(partitions=12), deadline_s=0.3), list[tuple[bytes, bool]]()
    keys = {choose_partition(b"64.%02d" % n, range(12)): b"64.%02d" % n for n in range(99)}
    send_batch, hanging = made.client.send_batch, asyncio.Event()

    async def send(batch: BatchBuilder, topic: str, *, partition: int) -> Any:
        if partition == 3:
            await hanging.wait()
        return await send_batch(batch, topic, partition=partition)

    def hear(key: bytes, outcome: int | Exception) -> None:
        heard.append((key, isinstance(outcome, int)))

    made.client.send_batch = send  # type: ignore[assignment]
    made.client.gate.set()
    for key in keys.values():
        made.commit.post(TOPIC, key, b"x", [], partial(hear, key))
    await asyncio.sleep(0.1)
    assert sorted(heard) == sorted((key, True) for partition, key in keys.items() if partition != 3)
    await asyncio.sleep(0.4)
    assert heard[-1] == (keys[3], False)
    hanging.set()
    await asyncio.sleep(0.05)
    assert len(heard) == 12
    await asyncio.wait_for(made.commit.drained(), 1)
