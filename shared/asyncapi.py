"""The AsyncAPI document of a service's topics, made by FastStream from our event types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from shared.topics import Topic

_VERSION = "1.0.0"
_CONSUMED = "Consumed exactly once into MongoDB."
_RECOVERED = "Read from its beginning when the database was lost, to have it back."


def document(
    service: str,
    *,
    publishes: Mapping[Topic, object],
    consumes: Mapping[Topic, object],
    address: str,
    recovers_from: Mapping[Topic, object] = MappingProxyType({}),
) -> bytes:
    """AsyncAPI 3 as JSON: which topics a service writes and reads, and the schema of their values. `recovers_from` are
    read when its database was lost, and at no other time."""
    broker = KafkaBroker(address, logger=None, description="Apache Kafka; the key is the regency's code")
    for topic, schema in publishes.items():
        broker.publisher(topic.name, schema=schema, title=f"{topic.name}:publish")
    for topics, how in ((consumes, _CONSUMED), (recovers_from, _RECOVERED)):
        for topic, schema in topics.items():
            reader = broker.subscriber(topic.name, title=f"{topic.name}:consume", description=how)
            reader(_handler_of(schema))
    specification = AsyncAPI(broker, title=f"Desk Pilkada {service}", version=_VERSION, schema_version="3.0.0")
    return specification.to_specification().to_json().encode()


def _handler_of(schema: object) -> Callable[[Any], Awaitable[None]]:
    """A handler that is never called: FastStream reads the schema off its annotation."""

    async def handler(event: Any) -> None:
        """Never called."""

    handler.__annotations__["event"] = schema
    return handler
