"""The AsyncAPI document of a service's topics, made by FastStream from our event types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from shared.topics import Topic

_VERSION = "1.0.0"


def document(
    service: str, *, publishes: Mapping[Topic, object], consumes: Mapping[Topic, object], address: str
) -> bytes:
    """AsyncAPI 3 as JSON: which topics a service writes and reads, and the schema of their values."""
    broker = KafkaBroker(address, logger=None, description="Apache Kafka; the key is the regency's code")
    for topic, schema in publishes.items():
        broker.publisher(topic.name, schema=schema, title=f"{topic.name}:publish")
    for topic, schema in consumes.items():
        broker.subscriber(topic.name, title=f"{topic.name}:consume")(_handler_of(schema))
    specification = AsyncAPI(broker, title=f"Desk Pilkada {service}", version=_VERSION, schema_version="3.0.0")
    return specification.to_specification().to_json().encode()


def _handler_of(schema: object) -> Callable[[Any], Awaitable[None]]:
    """A handler that is never called: FastStream reads the schema off its annotation."""

    async def handler(event: Any) -> None:
        """Consumed exactly once into MongoDB."""

    handler.__annotations__["event"] = schema
    return handler
