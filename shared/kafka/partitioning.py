"""Which partition a key belongs to, as every Kafka client chooses by default. Consumers rely on it: one regency, one
partition, whoever produces."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=8_192)
def _hashed(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def choose_partition(key: bytes | None, partitions: Sequence[int]) -> int:
    """The partition of a key; any of them without one. `partitions` are all of the topic, in order."""
    if key is None:
        return random.choice(partitions)  # noqa: S311 - spreads load, guards nothing
    return partitions[_hashed(key) % len(partitions)]
