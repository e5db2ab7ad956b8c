"""A real Apache Kafka as deploy/compose.secure.yml sets it up: each service's user may do what the service does, and
nothing more. Whoever has no password or no certificate of ours stays outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from desk.doctor import kafka as doctor
from desk.kafka_users import ensure_users
from desk.rights import USERS, Operation, Resource, Right, kafka_rights
from desk.stack import kafka_jars
from desk.stack.errors import StackError
from shared.kafka.closing import close_producer
from shared.kafka.log_reader import LogReader
from shared.kafka.security import PLAIN, Security
from shared.kafka.subscription import RawBatch, subscribe
from shared.kafka.topic_admin import add_partitions, connected, create_topics
from shared.settings import Settings
from shared.topics import ALL, REPORTS, Topic
from tests.stack.secure_kafka import SecureKafka, make_secrets, secure_kafka

UNAVAILABLE = kafka_jars.available()
pytestmark = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))

EVENTS = {"desk.reports", "desk.incidents", "desk.logistics"}
GROUPS = {"desk.aggregator", "desk.notifier"}
EVERYTHING = EVENTS | {"desk.alerts", "desk.dead-letters"}
# user: topics that it writes, that it reads, groups whose positions it moves, whose positions it sees
MAY: dict[str, tuple[set[str], set[str], set[str], set[str]]] = {
    "intake": (EVENTS, set(), set(), set()),
    "aggregator": ({"desk.dead-letters"}, EVENTS | {"desk.alerts"}, {"desk.aggregator"}, {"desk.aggregator"}),
    "notifier": (
        {"desk.alerts", "desk.dead-letters"},
        EVENTS | {"desk.alerts"},
        {"desk.notifier"},
        {"desk.notifier"},
    ),
    "operator": (EVERYTHING, EVERYTHING, set(), GROUPS),
}
REFUSED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """With all topics, a record in the first partition of each, and all users."""
    try:
        jars = kafka_jars.fetch_jars(lambda _: None)
    except StackError as reason:
        pytest.skip(str(reason))
    with secure_kafka(jars, tmp_path_factory.mktemp("secure")) as started:
        asyncio.run(prepare(started))
        yield started


async def prepare(kafka: SecureKafka) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            await create_topics(kafka.internal, ALL, 1, 1, kafka.init)
            break
        except (KafkaError, OSError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
    for _ in range(2):  # the second time changes nothing
        await ensure_users(kafka.internal, kafka.init, kafka.passwords(), kafka_rights())
    async with producing(kafka.internal, kafka.init) as producer:
        for topic in ALL:
            await producer.send_and_wait(topic.name, b"x", partition=0)


@asynccontextmanager
async def producing(addresses: str, security: Security) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=addresses, acks="all", request_timeout_ms=5000, **security.options())
    await client.start()
    try:
        yield client
    finally:
        await close_producer(client, 5)


async def is_allowed(call: Awaitable[object]) -> bool:
    try:
        await asyncio.wait_for(call, 10)
    except REFUSED:
        return False
    return True


async def moves(kafka: SecureKafka, user: str, group: str) -> None:
    options = {"bootstrap_servers": kafka.client, "group_id": group, "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(**options, **kafka.user(user).options())
    await consumer.start()
    try:
        where = TopicPartition(REPORTS.name, 0)
        consumer.assign([where])
        await consumer.commit({where: 1})
    finally:
        await consumer.stop()


@pytest.mark.parametrize("user", USERS)
async def test_a_user_may_do_what_its_service_does_and_nothing_more(kafka: SecureKafka, user: str) -> None:
    security = kafka.user(user)
    async with producing(kafka.client, security) as producer:
        writes = {t.name for t in ALL if await is_allowed(producer.send_and_wait(t.name, b"x", partition=0))}
    reads, sees = set(), set()
    reader = LogReader(kafka.client, "nobody", "test", security)
    try:
        for topic in ALL:
            if await reader.partitions(topic.name) and await is_allowed(first_of(kafka, user, topic)):
                reads.add(topic.name)
    finally:
        await reader.stop()
    moved = {group for group in GROUPS if await is_allowed(moves(kafka, user, group))}
    for group in GROUPS:
        asking = LogReader(kafka.client, group, "test", security)
        if await is_allowed(asking.committed(REPORTS.name, [0])):
            sees.add(group)
        await asking.stop()
    assert (writes, reads, moved, sees) == MAY[user]


async def first_of(kafka: SecureKafka, user: str, topic: Topic) -> None:
    where = TopicPartition(topic.name, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.client, **kafka.user(user).options())
    await consumer.start()
    try:
        consumer.assign([where])
        consumer.seek(where, 0)
        await consumer.getone(where)
    finally:
        await consumer.stop()


@pytest.mark.parametrize("user", USERS)
async def test_nobody_but_init_changes_the_cluster(kafka: SecureKafka, user: str) -> None:
    """Topics, partitions, passwords, rights: not even a service's own."""
    security = kafka.user(user)
    more = [Right(user, Resource.TOPIC, REPORTS.name, Operation.READ)]
    for call in (
        create_topics(kafka.client, [Topic("desk.new")], 1, 1, security),
        add_partitions(kafka.client, {REPORTS.name: 13}, security),
        ensure_users(kafka.client, security, {user: "another"}, []),
        ensure_users(kafka.client, security, {}, more),
    ):
        with pytest.raises(KafkaError):
            await call
    async with connected(kafka.client, security) as admin:
        answer = await admin.delete_topics([REPORTS.name])
    assert [code != 0 for _, code in answer.topic_error_codes] == [True]


async def test_a_consumer_of_ours_reads_and_commits_with_its_password(kafka: SecureKafka) -> None:
    got: asyncio.Queue[RawBatch] = asyncio.Queue()
    broker, subscriber = subscribe(kafka.client, "desk.aggregator", [REPORTS], got.put, 10, kafka.user("aggregator"))
    await broker.start()
    try:
        (record, *_) = await asyncio.wait_for(got.get(), 20)
        await subscriber.consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
    finally:
        await broker.stop()


async def test_the_doctor_sees_all_that_it_asks_for(kafka: SecureKafka) -> None:
    """By the operator's user."""
    password = kafka.passwords()["operator"]
    settings = Settings(
        kafka=kafka.client, kafka_ca=kafka.secrets / "ca", kafka_user="operator", kafka_password=password
    )
    told = [(f.about, f.said) for f in await doctor.examine(settings)]
    assert ("topics", "all 5 are there") in told
    assert {about for about, _ in told} >= {"aggregator", "notifier", "dead letters"}


async def test_whoever_is_none_of_ours_stays_outside(kafka: SecureKafka, tmp_path: Path) -> None:
    """No password, a wrong one, an unknown user, another authority's broker; at the brokers' door no certificate, or
    another authority's."""
    ca, others = kafka.secrets / "ca", make_secrets(tmp_path)
    for address, security in (
        (kafka.client, PLAIN),
        (kafka.client, Security(ca)),
        (kafka.client, Security(ca, "intake", "wrong")),
        (kafka.client, Security(ca, "admin", "admin")),
        (kafka.client, Security(others / "ca", "intake", kafka.passwords()["intake"])),
        (kafka.internal, Security(ca)),
        (kafka.internal, Security(ca, certificate=others / "init")),
    ):
        with pytest.raises((KafkaError, TimeoutError, OSError)):
            async with connected(address, security) as admin:
                await admin.list_topics()
