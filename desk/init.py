"""The init job: replica set, topics, indexes, first keys. Idempotent: a second run changes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from aiokafka.errors import KafkaError

from desk.console import in_short
from desk.data_dir import AGENCY, OPERATOR, Kept
from desk.kafka_users import ensure_users as ensure_kafka_users
from desk.keys import everything_grant, open_keys, person_grant
from desk.mongo_users import ensure_users as ensure_mongo_users
from desk.replica_set import NotYetPrimary, found_replica_set
from desk.rights import MONGO_ROLES, USERS, kafka_rights, secret_of
from services.aggregator.indexes import ensure_indexes
from services.notifier.store import Store
from shared import mongo, topics
from shared.access import store as access_store
from shared.access.holders import Refused
from shared.access.keys import Grant, Role, unusable_because
from shared.access.registry import Registry
from shared.exactly_once import journal
from shared.kafka.security import security_of
from shared.kafka.topic_admin import create_topics
from shared.settings import Settings
from shared.texts import text

WAIT_S = 120.0
PAUSE_S = 1.0
PROGRESS_EVERY_S = 5.0
WORK_TIMEOUT_S = 60.0

Say = Callable[[str], None]
T = TypeVar("T")


class InitFailed(Exception):
    """One line: what did not answer, or what is wrong with it."""


def initialise(settings: Settings, say: Say, stack_keys: Path | None = None) -> None:
    """Wait for MongoDB and Kafka, up to two minutes each, and prepare them.

    `stack_keys` is the file in which an embedded stack keeps its keys; they are stored too. Raises InitFailed,
    NotAReplicaSet, DatabaseError, TimeoutError.
    """
    passing = (mongo.DatabaseError, NotYetPrimary)
    is_new = keep_trying("MongoDB", lambda: found_replica_set(settings.mongo), passing, say)
    say("MongoDB: replica set initiated" if is_new else "MongoDB: the replica set is there")
    users = _users(settings)
    if users is not None:
        ensure_mongo_users(settings.mongo, users.mongo_urls, MONGO_ROLES)
        say(f"MongoDB: users {', '.join(USERS)} with their rights")
    created = keep_trying(f"Kafka at {settings.kafka}", lambda: _topics(settings), (KafkaError, OSError), say)
    say(f"Kafka: created {', '.join(created)}" if created else "Kafka: all topics are there")
    if users is not None:
        kafka_users = ensure_kafka_users(settings.kafka, security_of(settings), users.kafka_passwords, kafka_rights())
        asyncio.run(kafka_users)
        say(f"Kafka: users {', '.join(USERS)} with their rights")
    asyncio.run(make_indexes(settings))
    say("MongoDB: indexes are there")
    for line in asyncio.run(_store(_first_keys(settings, stack_keys), settings)):
        say(f"Keys: {line}")


@dataclass(frozen=True)
class _Users:
    """The services' secrets, by user."""

    mongo_urls: Mapping[str, str] = field(repr=False)
    kafka_passwords: Mapping[str, str] = field(repr=False)


def _users(settings: Settings) -> _Users | None:
    """Raises InitFailed."""
    folder = settings.users_dir
    if folder is None:
        return None
    try:
        return _Users(*({user: secret_of(folder, system, user) for user in USERS} for system in ("mongo", "kafka")))
    except ValueError as error:
        raise InitFailed(str(error)) from None


def keep_trying(what: str, attempt: Callable[[], T], passing: tuple[type[Exception], ...], say: Say) -> T:
    """The attempt's result once it succeeds; passing errors are waited out and shown. Raises InitFailed."""
    began = told_at = time.monotonic()
    while True:
        try:
            return attempt()
        except passing as error:
            reason = in_short(error)
        now = time.monotonic()
        if now - began > WAIT_S:
            raise InitFailed(f"{what} was not ready after {WAIT_S:.0f} s: {reason}")
        if now - told_at > PROGRESS_EVERY_S:
            told_at = now
            say(f"Waiting for {what}, {WAIT_S - (now - began):.0f} s left: {reason}")
        time.sleep(PAUSE_S)


def _topics(settings: Settings) -> list[str]:
    """TimeoutError is an OSError, and passing too."""
    return asyncio.run(
        create_topics(
            settings.kafka,
            topics.ALL,
            settings.topic_replication,
            settings.topic_min_insync,
            security_of(settings),
        )
    )


async def make_indexes(settings: Settings, timeout_s: float = WORK_TIMEOUT_S) -> None:
    """Intake's collections need none: it asks by `_id` only. Raises DatabaseError, TimeoutError."""
    timeout_ms = max(settings.mongo_timeout_ms, int(timeout_s * 1000))
    client = mongo.connect(settings.mongo, settings.mongo_driver, timeout_ms)
    try:
        async with asyncio.timeout(timeout_s):
            aggregators, notifiers = (mongo.database(client, n) for n in (mongo.AGGREGATOR_DB, mongo.NOTIFIER_DB))
            await ensure_indexes(aggregators)
            await Store(notifiers).ensure_indexes()
            for database in (aggregators, notifiers):
                await journal.keep_for(database[journal.COLLECTION], settings.journal_retention)
            await Registry(mongo.database(client, mongo.ACCESS_DB)[access_store.COLLECTION]).ensure_indexes()
    finally:
        await mongo.close(client)


def _first_keys(settings: Settings, stack_keys: Path | None) -> list[tuple[str, Grant]]:
    """Raises InitFailed for a secret that no client could send."""
    wanted: list[tuple[str, Grant]] = []
    if settings.admin_key is not None:
        key = settings.admin_key.get_secret_value().strip()
        if (reason := unusable_because(key)) is not None:
            raise InitFailed(f"DESK_ADMIN_KEY cannot be used as a key: {reason}")
        wanted.append((key, person_grant("admin", Role.ADMIN)))
    if stack_keys is not None:
        kept = Kept(**json.loads(stack_keys.read_text(encoding="utf-8")))
        wanted.append((kept.agency_key, everything_grant(AGENCY)))
        wanted.append((kept.operator_key, person_grant(OPERATOR, Role.OPERATOR)))
    return wanted


async def _store(wanted: list[tuple[str, Grant]], settings: Settings) -> list[str]:
    """What was new, and what could not be stored: that is no reason to keep the services from starting."""
    said = []
    async with asyncio.timeout(WORK_TIMEOUT_S), open_keys(settings) as keys:
        for key, grant in wanted:
            try:
                if await keys.put_if_new(key, grant, "desk init"):
                    said.append(f"stored that of {grant.name}")
            except Refused as refused:
                said.append(f"NOT stored: {text('problems', f'{refused.reason}_detail', 'en', **refused.values)}")
    return said
