"""The consumer's effective settings: the ones that lose no record."""

from __future__ import annotations

from faststream import AckPolicy

from shared.kafka.limits import METADATA_MAX_AGE_MS
from shared.kafka.subscription import RawBatch, subscribe
from shared.topics import INCIDENTS, REPORTS


async def _ignore(_batch: RawBatch) -> None:
    """A handler that does nothing."""


def test_the_subscriber_never_commits_by_itself_and_begins_at_the_beginning() -> None:
    """Manual acknowledgement, no automatic commit, earliest: every other choice was seen to lose records."""
    _, subscriber = subscribe("127.0.0.1:1", "some.group", (REPORTS, INCIDENTS), _ignore, 7)
    effective = subscriber._connection_args
    assert effective["enable_auto_commit"] is False
    assert effective["auto_offset_reset"] == "earliest"
    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert subscriber.group_id == "some.group"
    assert subscriber.topic_names == [REPORTS.name, INCIDENTS.name]
    assert subscriber.max_records == 7


async def test_the_consumer_sees_new_partitions_and_creates_no_topic() -> None:
    """Metadata is refreshed often, and FastStream may not create topics."""
    broker, _ = subscribe("127.0.0.1:1", "some.group", (REPORTS,), _ignore, 7)
    config = broker.config.broker_config
    assert config.allow_auto_create_topics is False
    consumer = config.builder(group_id="some.group")
    assert consumer._client._metadata_max_age_ms == METADATA_MAX_AGE_MS
