"""The local Apache Kafka keeps what it acknowledged, and stops whenever it is told to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from desk.stack import kafka, kafka_jars
from desk.stack.errors import StackError
from desk.stack.ports import free_ports, require_free
from desk.stack.process import Process

ROOT = Path(__file__).parents[2]
UNAVAILABLE = kafka_jars.available()

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE)),
]

STARTER = """
import sys
from contextlib import ExitStack
from pathlib import Path
from desk.stack import kafka, kafka_jars
jars = kafka_jars.fetch_jars(print)
with ExitStack() as stack:
    print("starting", flush=True)
    ports = int(sys.argv[2]), int(sys.argv[3])
    kafka.start(jars, Path(sys.argv[1]), *ports, lambda process: stack.callback(process.stop))
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def jars() -> Path:
    try:
        return kafka_jars.fetch_jars(lambda _: None)
    except StackError as reason:
        pytest.skip(str(reason))


@asynccontextmanager
async def producer(port: int) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", acks="all")
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def create_topic(port: int, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(name, 3, 1)])
        assert [error[1] for error in response.topic_errors] == [0]
    finally:
        await admin.close()


async def consume(port: int, topic: str, count: int, group: str) -> set[bytes]:
    """The first `count` values of the topic, read by a member of `group` that commits them."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=f"127.0.0.1:{port}",
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        values = {(await consumer.getone()).value for _ in range(count)}
        await consumer.commit()
        return values
    finally:
        await consumer.stop()


def processes_in(directory: Path) -> list[int]:
    """Processes whose working directory is `directory`: the broker and its tools run there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").resolve() == directory.resolve():
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile, or is not ours
            continue
    return found


async def test_acknowledged_records_survive_a_kill(stack: ExitStack, jars: Path, tmp_path: Path) -> None:
    """A record acknowledged by all is there after kill -9 and a restart on the same port, as are commits."""
    port, controller_port = free_ports(2)
    data_dir = tmp_path / "Data, ünïcode: 100 %"

    def start() -> Process:
        return kafka.start(jars, data_dir, port, controller_port, lambda p: stack.callback(p.stop))

    process = start()
    await create_topic(port, "reports")
    async with producer(port) as client:
        for number in range(3):
            await client.send_and_wait("reports", b"%d" % number, partition=number)
    assert await consume(port, "reports", 3, "before") == {b"0", b"1", b"2"}
    process.kill()
    process = start()
    assert await consume(port, "reports", 3, "after") == {b"0", b"1", b"2"}
    async with producer(port) as client:
        await client.send_and_wait("reports", b"3", partition=0)
    assert await consume(port, "reports", 1, "before") == {b"3"}
    process.stop()
    assert processes_in(data_dir) == []
    require_free(port, "nothing may listen after stop")


async def test_data_directory_moves_to_other_ports(stack: ExitStack, jars: Path, tmp_path: Path) -> None:
    """The same data directory brings its topics along to other ports."""
    port, controller_port, other_port, other_controller_port = free_ports(4)
    process = kafka.start(jars, tmp_path, port, controller_port, lambda p: stack.callback(p.stop))
    await create_topic(port, "reports")
    async with producer(port) as client:
        await client.send_and_wait("reports", b"1")
    process.stop()
    kafka.start(jars, tmp_path, other_port, other_controller_port, lambda p: stack.callback(p.stop))
    assert await consume(other_port, "reports", 1, "g") == {b"1"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("delay_s", [0.0, 0.4, 1.2, 2.0])
def test_interrupted_start_leaves_nothing(jars: Path, tmp_path: Path, number: signal.Signals, delay_s: float) -> None:
    """Ctrl-C or kill -9 at any moment of the start leaves no process, and the directory starts later."""
    port, controller_port = ports = free_ports(2)
    argv = [sys.executable, "-c", STARTER, str(tmp_path), *map(str, ports)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "starting\n"
        time.sleep(delay_s)
        os.kill(starter.pid, number)
        starter.wait(15)
    deadline = time.monotonic() + 5
    while processes_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_in(tmp_path) == []
    for each in ports:
        require_free(each, "nothing may listen after an interrupted start")
    if delay_s < 1:
        with ExitStack() as stack:
            kafka.start(jars, tmp_path, port, controller_port, lambda p: stack.callback(p.stop))


def test_death_during_the_start_shows_the_log(stack: ExitStack, jars: Path, tmp_path: Path) -> None:
    """A broker that dies while starting is reported with the end of its log."""
    port, controller_port = free_ports(2)
    records = tmp_path / "records"
    records.mkdir()
    (records / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=99\n")
    (tmp_path / "formatted").touch()
    with pytest.raises(StackError, match=r"(?s)Apache Kafka died while starting.*node.id"):
        kafka.start(jars, tmp_path, port, controller_port, lambda process: stack.callback(process.stop))
