"""Builds a service's consumer out of the steps: the one place where their live parts meet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.exactly_once import guard, journal
from shared.exactly_once.comparison import Comparison
from shared.exactly_once.consumer import Consumer, nothing
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.progress import Progress
from shared.exactly_once.steps import AfterFold, Changes, Parts, Steps, nobody
from shared.kafka.log_reader import LogReader
from shared.kafka.producer import Producer
from shared.kafka.security import security_of
from shared.metrics import Metrics
from shared.mongo import Database
from shared.settings import Settings
from shared.topics import Topic


@dataclass(frozen=True)
class Consuming:
    """What a consuming service runs and closes."""

    consumer: Consumer
    producer: Producer
    reader: LogReader
    progress: Progress
    comparison: Comparison


def build_consuming(
    settings: Settings,
    metrics: Metrics,
    database: Database,
    *,
    group: str,
    topics: Sequence[Topic],
    collections: Sequence[str],
    changes: Changes,
    after_fold: AfterFold = nobody,
    before_reading_again: Callable[[], Awaitable[None]] = nothing,
) -> Consuming:
    """The consumer of `topics` as member of `group`, folding into `collections` (written in that order).
    `before_reading_again` is awaited when the database turns out to be behind the commits."""
    security = security_of(settings)
    producer = Producer(settings.kafka, settings.publish_deadline_s, group, metrics, security)
    reader = LogReader(settings.kafka, group, group, security)
    entries = Journal(database[journal.COLLECTION])
    keeper = Guard(database[guard.COLLECTION], reader, entries, settings.journal_retention)
    parts = Parts(
        journal=entries,
        documents=Documents(database, collections),
        dead_letters=DeadLetters(producer, group),
        guard=keeper,
        changes=changes,
        metrics=metrics,
        dead_letter_run=settings.dead_letter_run,
    )
    comparison = Comparison(topics, keeper, reader)
    consumer = Consumer(
        settings.kafka,
        group,
        topics,
        steps=Steps(parts),
        comparison=comparison,
        metrics=metrics,
        max_records=settings.batch_max_records,
        timeout_s=settings.batch_timeout_s,
        attempts=settings.batch_attempts,
        stuck_after_s=settings.stuck_after_s,
        after_fold=after_fold,
        before_reading_again=before_reading_again,
        security=security,
    )
    return Consuming(consumer, producer, reader, Progress(reader, keeper), comparison)
