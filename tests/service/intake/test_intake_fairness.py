"""Intake as a process, flooded by one agency over 600 connections, while another one posts as every day.

Seconds depend on the machine; how many of the flood's requests are answered while one of the quiet agency's waits does
so less. In order of arrival it would be all 600, and those that are answered while Kafka and the database have the
post: of refusals, which cost next to nothing, a hundred or two.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.access.keys import Grant, Kind
from tests.backends import SAID
from tests.service.intake.flooding import BODY, HOST, Connection, request
from tests.service.intake.real_intake import RealIntake, real_intake
from tests.service.intake.steady_load import Connections

CONNECTIONS = 600
SLOW_SENDERS = 250
ALONE_S, BESIDE_S = 2.0, 5.0
PAUSE_S = 0.02
MOST_SLOWDOWN = 100.0
UNIQUE = uuid.uuid4().hex
QUIET, FREE, SLOW, LIMITED, UNKNOWN = (f"{n}-{UNIQUE}" for n in ("quiet", "free", "slow", "limited", "unknown"))


@pytest.fixture(scope="module")
def intake(broker_address: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealIntake]:
    kinds = frozenset({Kind.REPORTS.value})
    keys = {
        QUIET: Grant("quiet", "quiet-desk", kinds, ("64",)),
        FREE: Grant("free", "free-desk", kinds, ("64",), events_per_minute=1_000_000),
        SLOW: Grant("slow", "slow-desk", kinds, ("64",)),
        LIMITED: Grant("limited", "limited-desk", kinds, ("64",), events_per_minute=60),
    }
    with real_intake(broker_address, mongo_url, keys, tmp_path_factory.mktemp("fairness")) as made:
        yield made


@dataclass(frozen=True)
class Post:
    """One post of the quiet agency. `overtaken` of the flood's requests were answered meanwhile."""

    status: int
    took_s: float
    overtaken: int


@pytest.mark.parametrize(
    ("what", "asked", "statuses"),
    [
        ("within its rate", request(FREE), {"202", "429"}),
        ("beyond its rate", request(LIMITED), {"202", "429"}),
        ("with a key nobody knows", request(UNKNOWN), {"401"}),
        ("without a key", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", {"200"}),
    ],
)
def test_a_flood_slows_nobody_else_beyond_a_bound(
    intake: RealIntake, what: str, asked: bytes, statuses: set[str]
) -> None:
    """The quiet agency's posts are all accepted, most of them past a good part of the flood, in bounded time."""
    alone, beside, flood = asyncio.run(measured(intake.port, asked))
    slowdown = percentile(beside, 99) / percentile(alone, 99)
    overtaken = sorted(post.overtaken for post in beside)
    SAID[
        f"a flood over {CONNECTIONS} connections ({what}): p50 and p99 of a quiet agency "
        f"{percentile(alone, 50):.0f} and {percentile(alone, 99):.0f} ms alone, {percentile(beside, 50):.0f} and "
        f"{percentile(beside, 99):.0f} beside it ({slowdown:.0f} x); the median passed {CONNECTIONS} requests for "
        f"{overtaken[len(overtaken) // 2]}; the flood was answered {dict(flood)}"
    ] = None
    assert {post.status for post in (*alone, *beside)} == {202}
    assert set(flood) <= statuses
    assert overtaken[len(overtaken) // 2] < CONNECTIONS * 3 / 4
    assert percentile(beside, 99) < MOST_SLOWDOWN * max(percentile(alone, 99), 20)


def test_slow_senders_take_no_more_than_their_share(intake: RealIntake) -> None:
    """An agency may have 250 bodies on their way at a time; then it is refused, and nobody else is."""
    statuses = asyncio.run(beside_slow_senders(intake.port, SLOW_SENDERS))
    assert statuses == {QUIET: 202, SLOW: 429}


async def beside_slow_senders(port: int, count: int) -> dict[str, int]:
    """What one more post of each agency is answered while one of them has so many half bodies under way."""
    begun = [await asyncio.open_connection(HOST, port) for _ in range(count)]
    for _, writer in begun:
        writer.write(request(SLOW)[:-10])
    others = Connections(port)
    async with asyncio.timeout(10):
        while (status := (await others.post(SLOW, BODY))[0]) != 429:  # noqa: ASYNC110 - intake reads them one by one
            await asyncio.sleep(0.05)
    statuses = {QUIET: (await others.post(QUIET, BODY))[0], SLOW: status}
    for _, writer in begun:
        writer.transport.abort()
    others.close()
    return statuses


async def measured(port: int, asked: bytes) -> tuple[list[Post], list[Post], Counter[str]]:
    """The quiet agency's posts alone, then beside the flood; the flood's answers by status."""
    flood: Counter[str] = Counter()
    quiet = Connections(port)
    alone = await post_for(ALONE_S, quiet, flood)
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Connection(asked, flood), HOST, port) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.5)
    beside = await post_for(BESIDE_S, quiet, flood)
    answers = flood.copy()
    for transport, _ in made:
        transport.abort()
    quiet.close()
    return alone, beside, answers


async def post_for(seconds: float, quiet: Connections, flood: Counter[str]) -> list[Post]:
    posts, end = list[Post](), time.monotonic() + seconds
    while time.monotonic() < end:
        began, answered = time.monotonic(), flood.total()
        status, _ = await quiet.post(QUIET, BODY)
        posts.append(Post(status, time.monotonic() - began, flood.total() - answered))
        await asyncio.sleep(PAUSE_S)
    return posts


def percentile(posts: list[Post], percent: int) -> float:
    """Of the time they took, ms."""
    taken = sorted(post.took_s for post in posts)
    return 1000 * taken[min(len(taken) - 1, len(taken) * percent // 100)]
