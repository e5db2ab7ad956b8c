"""Intake as a process of its own, on a real broker and a real database."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pymongo import MongoClient

from desk.service_processes import environment, service_child, why_not_ready
from desk.stack.ports import free_ports
from shared import mongo, topics
from shared.access import store
from shared.access.keys import Grant
from shared.kafka.topic_admin import create_topics
from tests.builders import a_holder_document


@dataclass(frozen=True)
class RealIntake:
    port: int
    pid: int

    def rss_mib(self) -> float:
        """Its resident memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def prepare(kafka: str, mongo_url: str, keys: Mapping[str, Grant]) -> None:
    """Make the topics and put keys into the database. Not from inside a loop."""
    asyncio.run(create_topics(kafka, topics.ALL, 1, 1))
    client: MongoClient[dict[str, object]] = MongoClient(mongo_url, tz_aware=True)
    with client:
        for key, grant in keys.items():
            document = a_holder_document(key, grant)
            client[mongo.ACCESS_DB][store.COLLECTION].replace_one({"_id": document["_id"]}, document, upsert=True)


@contextmanager
def real_intake(
    kafka: str, mongo_url: str, keys: Mapping[str, Grant], directory: Path, **settings: object
) -> Iterator[RealIntake]:
    """Start it with these keys and settings, wait until it is ready, stop it. Not from inside a loop."""
    prepare(kafka, mongo_url, keys)
    with ExitStack() as stack:
        (port,) = free_ports(1)
        env = environment(os.environ, kafka=kafka, mongo=mongo_url, **settings)
        child = service_child("intake", port, env, directory / "intake.log")
        process = child.start()
        stack.callback(process.stop)
        deadline = time.monotonic() + 60
        while (problem := why_not_ready(port)) is not None:
            assert time.monotonic() < deadline, (problem, process.tail())
            time.sleep(0.1)
        yield RealIntake(port, process.pid)
