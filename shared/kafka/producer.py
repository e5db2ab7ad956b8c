"""Producing with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.exactly_once.records import Position
from shared.kafka.limits import CALL_TIMEOUT_S, METADATA_MAX_AGE_MS
from shared.loops import back_off_s


class PublishFailed(Exception):
    """Kafka did not confirm within the deadline. The record may be in the log all the same."""


class Producer:
    """acks=all, no idempotence, one deadline. Connects in the background, again and again, so that a broker that is
    away at start or later is no crash."""

    def __init__(self, addresses: str, deadline_s: float, client_id: str) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": addresses.split(","),
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": False,
            "request_timeout_ms": int(deadline_s * 1000),
            "max_batch_size": 1024 * 1024,  # waits are quadratic at the 16 KiB default
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        }
        self._deadline_s = deadline_s
        self._producer: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns at once; `is_ready` tells when the broker has answered."""
        self._connecting = asyncio.create_task(self._connect())

    async def stop(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting], timeout=2)
        if self._producer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._producer.stop(), CALL_TIMEOUT_S)

    @property
    def is_ready(self) -> bool:
        return self._producer is not None

    async def problem(self) -> str | None:
        """None if the broker answers now, within two seconds; else what is wrong. For `/readyz`."""
        if self._producer is None:
            return "Kafka has not answered yet"
        try:
            async with asyncio.timeout(2):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as error:
            return f"Kafka does not answer ({type(error).__name__})"
        return None

    async def publish(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Position:
        """Where the record stands after all in-sync replicas confirmed it. Raises PublishFailed."""
        if self._producer is None:
            raise PublishFailed("Kafka has not answered yet")
        try:
            async with asyncio.timeout(self._deadline_s):
                done = await self._producer.send_and_wait(topic, value=value, key=key, headers=headers)
        except TimeoutError:
            raise PublishFailed(f"no confirmation within {self._deadline_s:g} s") from None
        except KafkaError as error:
            raise PublishFailed(f"{type(error).__name__}: {error}") from error
        return Position(topic, done.partition, done.offset)

    async def _connect(self) -> None:
        for failures in itertools.count():
            producer = AIOKafkaProducer(**self._options)
            try:
                await asyncio.wait_for(producer.start(), CALL_TIMEOUT_S)
            except (KafkaError, TimeoutError, OSError):
                with contextlib.suppress(TimeoutError, KafkaError):
                    await asyncio.wait_for(producer.stop(), 1.0)
                await asyncio.sleep(back_off_s(0.2, failures, 5.0))
            else:
                self._producer = producer
                return
