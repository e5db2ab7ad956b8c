"""The development broker does what development needs."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from desk.stack import tansu
from desk.stack.errors import StackError
from desk.stack.ports import free_ports, require_free

UNAVAILABLE = tansu.available()

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def test_topic_produce_consume(stack: ExitStack, tmp_path: Path) -> None:
    """A topic is created with three partitions, and what is produced there is consumed by a group."""
    port, unused = free_ports(2)
    address = f"127.0.0.1:{port}"
    process = tansu.start(tmp_path, port, unused, lambda started: stack.callback(started.stop))
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    response = await admin.create_topics([NewTopic("reports", 3, 1)])
    assert [error[1] for error in response.topic_errors] == [0]
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    await producer.send_and_wait("reports", b"1", partition=2)
    await producer.stop()
    consumer = AIOKafkaConsumer("reports", bootstrap_servers=address, group_id="g", auto_offset_reset="earliest")
    await consumer.start()
    assert (await consumer.getone()).value == b"1"
    await consumer.stop()
    process.stop()
    require_free(port, "nothing may listen after stop")


def test_taken_port_is_named(stack: ExitStack, tmp_path: Path) -> None:
    """A second broker on the same port is refused with the port's number."""
    port, unused = free_ports(2)
    tansu.start(tmp_path, port, unused, lambda started: stack.callback(started.stop))
    with pytest.raises(StackError, match=f"port {port} "):
        tansu.start(tmp_path, port, unused, lambda started: stack.callback(started.stop))
