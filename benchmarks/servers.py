"""Broker, database and whatever processes a benchmark starts: real ones, on this machine, ended with it."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from desk.service_processes import environment, why_not_ready
from desk.stack import mongod
from desk.stack.brokers import choose_broker
from desk.stack.ports import HOST, free_ports
from desk.stack.process import Command, Process, start_process
from shared import mongo
from shared.access import store as access_store
from shared.access.keys import MOST_EVENTS_PER_MINUTE, Grant, Kind, Role
from shared.access.registry import Registry
from shared.kafka.topic_admin import create_topics
from shared.topics import ALL, Topic

ROOT = Path(__file__).resolve().parent.parent
READY_S = 90.0


@dataclass
class Servers:
    """Addresses, and the ids of the processes whose CPU is told."""

    kafka: str
    mongo: str
    broker: str
    directory: Path
    stack: ExitStack
    pids: dict[str, int]
    services: dict[str, int] = field(default_factory=dict)  # ports, by name

    def start(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None) -> Process:
        """A process of this environment's Python, ended with the servers."""
        command = Command(name, [sys.executable, *argv], self.directory / f"{name}.log", ROOT, env)
        return start_process(command, lambda process: self.stack.callback(process.stop))

    def service(self, service: str, **settings: object) -> tuple[Process, int]:
        """A service as compose runs it, not ready yet, and its port. Settings that are not given are the defaults."""
        (port,) = free_ports(1)
        known = {"kafka": self.kafka, "mongo": self.mongo, "http_host": HOST, "http_port": port, "log_format": "json"}
        env = environment(os.environ, **{**known, **settings})
        return self.start(service, ["-m", f"services.{service}"], env), port


@contextmanager
def servers(topics: Sequence[Topic] = ALL) -> Iterator[Servers]:
    """Broker and database with empty topics."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-bench-")))
        port, controller_port, mongo_port = free_ports(3)
        broker = choose_broker(lambda _: None)
        kafka = broker.start(directory / "kafka", port, controller_port, lambda p: stack.callback(p.stop))
        database = mongod.start(directory / "mongod", mongo_port, lambda p: stack.callback(p.stop))
        found = Servers(f"{HOST}:{port}", mongod.url(mongo_port), broker.name, directory, stack, {})
        found.pids.update({"mongod": database.pid, "Kafka": _pid_of(kafka)})
        _run(create_topics(found.kafka, topics, 1, 1))
        yield found


def _pid_of(process: Any) -> int:
    return int(process.pid)


def _run(work: Any) -> None:
    """From within a loop or without one: the servers are started before anything else runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    raise AssertionError("start the servers before the loop")


async def until_ready(process: Process, port: int) -> None:
    """Until a service answers `/readyz` with 200. Raises TimeoutError with what it said last."""
    began = time.monotonic()
    while (reason := await asyncio.to_thread(why_not_ready, port)) is not None:
        if time.monotonic() - began > READY_S or not process.alive:
            raise TimeoutError(f"{process.name}: {reason}\n{process.tail()}")
        await asyncio.sleep(0.05)


async def until_listening(process: Process, port: int) -> None:
    """Until something accepts connections there."""
    began = time.monotonic()
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            if time.monotonic() - began > READY_S or not process.alive:
                raise TimeoutError(f"{process.name} does not listen\n{process.tail()}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def agencies(url: str, count: int) -> list[str]:
    """Keys of so many agencies that may send everything, as fast as they like."""
    kinds = frozenset(kind.value for kind in Kind)
    grants = [
        Grant(f"bench-{n}", f"bench-{n}", kinds, ("*",), events_per_minute=MOST_EVENTS_PER_MINUTE)
        for n in range(count)
    ]
    return await _keys(url, grants)


async def reader(url: str) -> str:
    """The key of somebody who may read everything."""
    (key,) = await _keys(url, [Grant(name="bench-reader", role=Role.ADMIN)])
    return key


async def _keys(url: str, grants: Sequence[Grant]) -> list[str]:
    client = mongo.connect(url)
    try:
        registry = Registry(mongo.database(client, mongo.ACCESS_DB)[access_store.COLLECTION])
        await registry.ensure_indexes()
        return [(await registry.add(grant, "bench")).key for grant in grants]
    finally:
        await mongo.close(client)


async def forget_group(kafka: str, group: str, topics: Sequence[Topic]) -> None:
    """The group has read nothing of these topics. Its members must have left."""
    everything = {TopicPartition(topic.name, n): 0 for topic in topics for n in range(topic.partitions)}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    async with asyncio.timeout(60):
        await consumer.start()
        try:
            consumer.assign(list(everything))
            await consumer.commit(everything)
        finally:
            await consumer.stop()
