"""Who is in a consumer group, for the CLI alone."""

from __future__ import annotations

from aiokafka.errors import for_code

from shared.kafka.security import PLAIN, Security
from shared.kafka.topic_admin import connected


async def group_members(addresses: str, group: str, security: Security = PLAIN) -> list[str]:
    """The addresses of a group's members; none if there is no such group. Raises KafkaError, TimeoutError."""
    found: list[str] = []
    async with connected(addresses, security) as admin:
        for reply in await admin.describe_consumer_groups([group]):
            for code, _name, _state, _type, _protocol, members, *_ in reply.groups:
                if code:
                    raise for_code(code)(f"group {group}")
                found += [str(host).lstrip("/") for _member, _client, host, *_ in members]
    return found
