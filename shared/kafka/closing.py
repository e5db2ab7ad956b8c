"""Ends aiokafka's producers, also those that hang."""

from __future__ import annotations

import asyncio
import contextlib

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

_CUT_OFF_S = 2.0


async def close_producer(client: AIOKafkaProducer, timeout_s: float) -> None:
    """Close a producer in at most `timeout_s` and two seconds more. It leaves no task behind."""
    try:
        async with asyncio.timeout(timeout_s):
            await client.stop()
    except (TimeoutError, KafkaError):
        await _cut_off(client)
    except asyncio.CancelledError:
        await _cut_off(client)
        raise


async def _cut_off(client: AIOKafkaProducer) -> None:
    """What `stop` does, without waiting for batches. (A `stop` that was interrupted leaves aiokafka's tasks running
    for good: its sender, the synchroniser of metadata, and the one that waits for all batches.)"""
    sender = client._sender.sender_task
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_CUT_OFF_S):
            while sender is not None and not sender.done():
                sender.cancel()  # each time it ends one of the requests that it still waits for
                await asyncio.wait([sender], timeout=0.01)
    client._message_accumulator.fail_all(ProducerClosed())
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_CUT_OFF_S):
            await client.client.close()
