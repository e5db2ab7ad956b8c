"""`desk continue-log`: Kafka was lost, the databases were not."""

from __future__ import annotations

import logging

from desk.console import fail, in_short, say
from desk.options import settings_with


def continue_log() -> None:
    """Let new, empty topics go on from the offsets that the databases have read: Kafka was lost, MongoDB was not.

    First `desk init`, which makes the topics, and `desk partitions`, if there were more. Intake may run. Afterwards
    restart aggregators and notifiers, and make a backup: the log no longer holds what came before. Nothing is done to
    topics that are the ones that were read. Whatever kills it, call it again.

    Exit status: 0 done; 1 Kafka or MongoDB did not answer; 2 it is refused, and why.
    """
    from aiokafka.errors import KafkaError

    from desk.continuing_log import CannotContinue, Continued
    from desk.continuing_log import continue_log as run
    from desk.demo.interrupts import run_until_signal
    from shared import logs, mongo
    from shared.kafka.whole_topic import TopicUnread

    settings = settings_with()
    logs.configure("continue-log", "CRITICAL", "text")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def all_of_it() -> Continued:
        client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
        try:
            names = (mongo.AGGREGATOR_DB, mongo.NOTIFIER_DB)
            return await run(settings, [mongo.database(client, name) for name in names])
        finally:
            await mongo.close(client)

    try:
        done = run_until_signal(all_of_it())
    except (CannotContinue, TopicUnread) as error:
        raise fail(error, 2) from None
    except mongo.DatabaseError as error:
        raise fail(f"MongoDB did not do it (DESK_MONGO names it): {in_short(mongo.in_words(error))}", 1) from None
    except (KafkaError, TimeoutError, OSError) as error:
        raise fail(f"Kafka did not do it (DESK_KAFKA names it): {in_short(error)}", 1) from None
    if not done.starts:
        say("nothing to do: the topics are the ones that were read")
        return
    for where, start in sorted(done.starts.items()):
        say(f"{where.topic}/{where.partition} goes on from {start:,}")
    say(f"{done.sent_again:,} records that came meanwhile were sent again. Restart aggregators and notifiers now")
