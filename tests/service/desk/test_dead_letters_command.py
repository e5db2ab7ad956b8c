"""`desk dead-letters` on a real broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from desk.cli import main
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.sightings import BadRecord
from shared.kafka.producer import Producer
from shared.kafka.topic_admin import create_topics
from shared.kafka.whole_topic import read_topic
from shared.metrics import Metrics
from shared.records import Position, Record
from shared.topics import DEAD_LETTERS, Topic

BAD = b'{"is": "no event", "umlaut": "\xff"}'


@pytest.fixture
async def producer(broker_address: str) -> AsyncIterator[Producer]:
    made = Producer(broker_address, 8.0, "test", Metrics("test"))
    await made.start()
    async with asyncio.timeout(20):
        while not made.is_ready:  # noqa: ASYNC110 - it connects in the background
            await asyncio.sleep(0.05)
    yield made
    await made.stop()


async def desk(broker_address: str, *arguments: str, columns: int = 300) -> Result:
    env = {"DESK_KAFKA": broker_address, "COLUMNS": str(columns)}
    return await asyncio.to_thread(CliRunner().invoke, main, ["dead-letters", *arguments], env=env, color=True)


async def test_letters_are_listed_shown_sent_again_and_dropped(broker_address: str, producer: Producer) -> None:
    """A letter is open until somebody retries or drops it; its record goes back to its topic as it was."""
    topic = Topic(f"test.retry.{uuid.uuid4().hex}", partitions=1)
    await create_topics(broker_address, (topic, DEAD_LETTERS), 1, 1)
    group = f"group-{uuid.uuid4().hex[:8]}"
    for offset in (3, 4):
        record = Record(Position(topic.name, 0, offset), b"64.72", BAD)
        await DeadLetters(producer, group).put(BadRecord(record, "value: no event"))
    first, second = (f"{group}/{topic.name}/0/{offset}" for offset in (3, 4))

    listed = await desk(broker_address, "list")
    assert listed.exit_code == 0
    assert listed.output.count(group) == 2
    shown = await desk(broker_address, "show", first)
    assert {"reason: value: no event", "key:    64.72", "state:  open"} <= set(shown.output.splitlines())
    assert (await desk(broker_address, "show", first, "--raw")).stdout_bytes == BAD

    assert (await desk(broker_address, "retry", first, "--why", "mended")).exit_code == 0
    assert (await desk(broker_address, "drop", second, "--why", "spam")).exit_code == 0
    assert [(r.key, r.value) async for r in read_topic(broker_address, topic.name)] == [(b"64.72", BAD)]
    assert group not in (await desk(broker_address, "list")).output
    everything = (await desk(broker_address, "list", "--all")).output
    assert "retried" in everything
    assert "spam" in everything


async def test_a_record_of_which_two_groups_hold_a_letter_is_sent_again_once(
    broker_address: str, producer: Producer
) -> None:
    """Else what stays bad would double with each retry of all."""
    topic = Topic(f"test.retry.{uuid.uuid4().hex}", partitions=1)
    await create_topics(broker_address, (topic, DEAD_LETTERS), 1, 1)
    groups = [f"group-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for group in groups:
        record = Record(Position(topic.name, 0, 3), b"64.72", BAD)
        await DeadLetters(producer, group).put(BadRecord(record, "value: no event"))
    assert (await desk(broker_address, "retry", *(f"{group}/{topic.name}/0/3" for group in groups))).exit_code == 0
    assert [r.value async for r in read_topic(broker_address, topic.name)] == [BAD]
    listed = (await desk(broker_address, "list")).output
    assert not any(group in listed for group in groups)


async def test_a_letter_from_anybody_is_shown_as_it_is(broker_address: str, producer: Producer) -> None:
    """The id is whole on a narrow terminal, to be copied; nothing that a stranger wrote is obeyed, by the terminal
    or by the table."""
    await create_topics(broker_address, (DEAD_LETTERS,), 1, 1)
    group = f"desk.aggregator-{uuid.uuid4().hex[:8]}"
    record = Record(
        Position("desk.reports", 11, 1234567), b"64.72\x1b[2J", b'{"\x1b]0;title\x07": "\xff\xe2\x80\xae"}\n\0'
    )
    await DeadLetters(producer, group).put(BadRecord(record, "value.[/b]: [red]unknown\x1b[31m\nstate:  dropped"))
    letter_id = f"{group}/desk.reports/11/1234567"

    listed = await desk(broker_address, "list", columns=80)
    assert letter_id in listed.output
    shown = await desk(broker_address, "show", letter_id)
    assert {
        "reason: value.[/b]: [red]unknown\\x1b[31m\\nstate:  dropped",
        "key:    64.72\\x1b[2J",
        "state:  open",
        r'{"\x1b]0;title\x07": "\xff\u202e"}',
    } <= set(shown.output.splitlines())
    assert not {"\x1b", "\x07", "\u202e", "\0"} & set(listed.output + shown.output)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nothing"], "there is no dead letter nothing"),
        (["retry"], "name letters by their ids, or take --all"),
        (["drop", "x", "--why", " "], "say why"),
        (["drop", "x"], "--why"),
    ],
)
async def test_a_wrong_call_says_what_to_do(broker_address: str, arguments: list[str], said: str) -> None:
    """Nothing is sent, and the status is 2."""
    await create_topics(broker_address, (DEAD_LETTERS,), 1, 1)
    answer = await desk(broker_address, *arguments)
    assert answer.exit_code == 2
    assert said in answer.output


async def test_a_broker_that_is_away_is_said() -> None:
    """One line and status 1."""
    answer = await desk("127.0.0.1:1", "list")
    assert answer.exit_code == 1
    assert "Kafka did not answer" in answer.output
