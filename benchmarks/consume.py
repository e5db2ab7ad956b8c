"""Records from Kafka to validated events: our subscriber and `read_records`, beside aiokafka's `getmany` with
pydantic's `validate_json`, and beside what one writes first with FastStream."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from datetime import date, datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import BaseModel, TypeAdapter

from benchmarks.filling import fill_with_reports
from benchmarks.intake import REGIONS
from benchmarks.measure import LIMIT, OURS, PEER, Result, Sample, Way, at_least, interleave
from benchmarks.running import Run
from benchmarks.servers import Servers, servers
from shared.events.report import ReportEvent
from shared.exactly_once.sightings import read_records
from shared.garbage import settle_garbage
from shared.kafka.subscription import subscribe, to_record
from shared.settings import Settings
from shared.topics import REPORTS

METHOD = (
    "Each reads the same log of reports from its beginning, in a group of its own; the time runs from the first "
    "record to the last. CPU is of the reading process alone."
)
_GROUPS = itertools.count()
_GIVEN_UP_S = 60.0


class PlainData(BaseModel):
    period: date
    condition: str
    summary: str


class PlainReport(BaseModel):
    """A report as one models it first: FastStream hands over parsed JSON, whose times a strict model refuses."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    receivedat: datetime
    contenthash: str
    data: PlainData


class Count:
    """Counts records until there are enough; the clock runs from the first ones, which do not count."""

    def __init__(self, wanted: int) -> None:
        self._wanted, self._seen, self._first = wanted, 0, 0
        self._began = self._ended = self._cpu = self._used = 0.0
        self.is_over = asyncio.Event()

    def add(self, count: int) -> None:
        if not self._seen:
            self._first, self._began, self._cpu = count, time.perf_counter(), time.process_time()
        self._seen += count
        if self._seen >= self._wanted and not self.is_over.is_set():
            self._ended, self._used = time.perf_counter(), time.process_time() - self._cpu
            self.is_over.set()

    def sample(self) -> Sample:
        return Sample(self._seen - self._first, self._ended - self._began, {"reader": self._used})


def main(run: Run) -> list[Result]:
    """The table."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with servers([REPORTS]) as found:
        return asyncio.run(_measured(found, run))


async def _measured(found: Servers, run: Run) -> list[Result]:
    many = run.events(40_000, 200_000)
    await fill_with_reports(found.kafka, REGIONS, 0, many)
    settle_garbage()
    few = many // 6  # what the slow ones can do meanwhile
    ways = [
        Way("getmany and validate_json", LIMIT, partial(_raw, found.kafka, many)),
        Way("our subscriber and read_records", OURS, partial(_ours, found.kafka, many)),
        Way("FastStream, batches of a model", PEER, partial(_faststream, found.kafka, many, True)),
        Way("FastStream, one model at a time", PEER, partial(_faststream, found.kafka, few, False)),
    ]
    rows = await interleave(ways, run.rounds(3, 7), warm_up=0)
    return [Result("Consume and validate", METHOD, rows, [at_least(0.7, "of the limit's events/s", rows[1].ratio)])]


async def _raw(kafka: str, wanted: int) -> Sample:
    count, validate = Count(wanted), TypeAdapter(ReportEvent).validate_json
    consumer = AIOKafkaConsumer(REPORTS.name, bootstrap_servers=kafka, **_options())
    await consumer.start()
    try:
        async with asyncio.timeout(_GIVEN_UP_S):
            while not count.is_over.is_set():
                batches = await consumer.getmany(timeout_ms=100, max_records=Settings().batch_max_records)
                events = [validate(record.value) for batch in batches.values() for record in batch]
                if events:
                    count.add(len(events))
    finally:
        await consumer.stop()
    return count.sample()


async def _ours(kafka: str, wanted: int) -> Sample:
    count = Count(wanted)

    async def handle(raw: Any) -> None:
        sightings, bad = read_records([to_record(one) for one in raw])
        assert not bad
        count.add(len(sightings))

    broker, _ = subscribe(kafka, f"ours-{next(_GROUPS)}", [REPORTS], handle, Settings().batch_max_records)
    return await _run(broker, count)


async def _faststream(kafka: str, wanted: int, is_batch: bool) -> Sample:
    count = Count(wanted)
    broker = KafkaBroker(kafka, logger=None, consumer_only=True)
    options = {**_options(), "ack_policy": AckPolicy.MANUAL}
    del options["enable_auto_commit"]
    if is_batch:

        async def read_batch(events: list[PlainReport]) -> None:
            count.add(len(events))

        most = Settings().batch_max_records
        broker.subscriber(REPORTS.name, batch=True, max_records=most, **options)(read_batch)
    else:

        async def read_one(event: PlainReport) -> None:
            count.add(1)

        broker.subscriber(REPORTS.name, **options)(read_one)

    return await _run(broker, count)


def _options() -> dict[str, Any]:
    return {"group_id": f"raw-{next(_GROUPS)}", "auto_offset_reset": "earliest", "enable_auto_commit": False}


async def _run(broker: KafkaBroker, count: Count) -> Sample:
    await broker.start()
    try:
        async with asyncio.timeout(_GIVEN_UP_S):
            await count.is_over.wait()
    finally:
        await broker.stop()
    return count.sample()
