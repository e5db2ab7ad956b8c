"""Producing with a deadline, over a client that is made anew when it seems dead."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.kafka.closing import close_producer
from shared.kafka.group_commit import GroupCommit
from shared.kafka.limits import CALL_TIMEOUT_S, MAX_BATCH_BYTES, METADATA_MAX_AGE_MS
from shared.kafka.posted import Headers, Settled
from shared.kafka.posted import PublishFailed as PublishFailed
from shared.kafka.security import PLAIN, Security
from shared.logs import get_logger
from shared.loops import back_off_s
from shared.metrics import Metrics
from shared.records import Position

log = get_logger(__name__)

# A client that confirmed nothing for so many deadlines, although it was given something, is made anew.
_SILENT_DEADLINES = 1.5
_LOOK_EVERY_S = 1.0
_KEEPER_S = 2.0
STOP_S = _KEEPER_S + CALL_TIMEOUT_S  # whoever connects is called off, then the records under way end


@dataclass(frozen=True)
class _Connection:
    client: AIOKafkaProducer
    commit: GroupCommit


class Producer:
    """acks=all, no idempotence, one deadline. Connects in the background, again and again, so that a broker that is
    away at start or later is no crash; a client that has died or hangs is replaced."""

    def __init__(
        self, addresses: str, deadline_s: float, client_id: str, metrics: Metrics, security: Security = PLAIN
    ) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": addresses.split(","),
            **security.options(),
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": False,
            "request_timeout_ms": int(deadline_s * 1000),
            "max_batch_size": MAX_BATCH_BYTES,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        }
        self._deadline_s = deadline_s
        self._metrics = metrics
        self._now: _Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Returns at once; `is_ready` tells when the broker has answered."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Lets the records under way end, for `STOP_S` at most."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper], timeout=_KEEPER_S)
        if self._now is not None:
            self._leave(self._now)
            self._now = None
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CALL_TIMEOUT_S)

    @property
    def is_ready(self) -> bool:
        return self._now is not None

    async def problem(self) -> str | None:
        """None if the broker answers now, within two seconds; else what is wrong. For `/readyz`."""
        if self._now is None:
            return "Kafka has not answered yet"
        try:
            async with asyncio.timeout(2):
                await self._now.client.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as error:
            return f"Kafka does not answer ({type(error).__name__})"
        return None

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers, waited_s: float = 0.0
    ) -> Position:
        """Where the record stands after all in-sync replicas confirmed it. Raises PublishFailed at the deadline, of
        which the caller has used `waited_s` already."""
        if self._now is None:
            raise PublishFailed("Kafka has not answered yet")
        return await self._now.commit.publish(topic, key, value, headers, waited_s)

    def post(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers, settled: Settled, waited_s: float = 0.0
    ) -> None:
        """As `publish`, without a task: `settled` hears the offset, or PublishFailed."""
        if self._now is None:
            settled(PublishFailed("Kafka has not answered yet"))
        else:
            self._now.commit.post(topic, key, value, headers, settled, waited_s)

    async def _keep(self) -> None:
        """Connects; whenever Kafka is silent for too long, connects anew beside the old client and takes that one."""
        while True:
            client = await self._connect()
            old, self._now = self._now, _Connection(client, self._group_commit(client))
            if old is not None:
                self._metrics.producer_rebuilds.inc()
                self._leave(old)
            await self._until_silent(self._now.commit)
            log.warning("kafka_silent", for_s=round(self._now.commit.silent_s(), 1))

    def _group_commit(self, client: AIOKafkaProducer) -> GroupCommit:
        return GroupCommit(client, self._deadline_s, self._metrics.group_records.observe)

    async def _until_silent(self, commit: GroupCommit) -> None:
        while commit.silent_s() < _SILENT_DEADLINES * self._deadline_s:  # noqa: ASYNC110 - time passing is no event
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _connect(self) -> AIOKafkaProducer:
        for failures in itertools.count():
            client = AIOKafkaProducer(**self._options)
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    await client.start()
            except (KafkaError, TimeoutError, OSError):
                await close_producer(client, 1.0)
                await asyncio.sleep(back_off_s(0.2, failures, 5.0))
            except asyncio.CancelledError:
                await close_producer(client, 1.0)
                raise
            else:
                return client
        raise AssertionError("unreachable")

    def _leave(self, connection: _Connection) -> None:
        """Close a connection when nobody waits for it any more."""

        async def leave() -> None:
            await connection.commit.drained()
            await close_producer(connection.client, CALL_TIMEOUT_S)

        task = asyncio.create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
