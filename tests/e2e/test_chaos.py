"""Real aggregators while everything happens to them: what they have written in the end is what one process that nobody
disturbs makes of the same log (tests/e2e/chaos_reference.py), but for `rev` and cursors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from typer.testing import CliRunner

from desk.cli import main
from shared.topics import REPORTS
from tests.e2e.chaos_desk import TOPICS, ChaosDesk, running_servers
from tests.e2e.chaos_events import Stream
from tests.e2e.chaos_faults import join_and_leave, kill_and_freeze, step_down, take_the_database_away
from tests.e2e.chaos_load import Load, loading
from tests.e2e.scenario_files import KALTIM, read_regions
from tests.service.kafka.odd_records import send_batch

pytestmark = pytest.mark.timeout(900)

# CHAOS_S=600 E2E_SEED=7 runs ten minutes of another disorder.
USUAL_S = 10.0
PER_S = 300.0
MOST_EVENTS = 60_000  # beyond, a region's list of reports would come to its bound
HASTY = {"batch_attempts": 3, "mongo_timeout_ms": 1_500}  # so that an outage of seconds is one of minutes
REPLICAS = ("one", "two", "three")
REGIONS = [region.code for region in read_regions(KALTIM)]

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosDesk]:
    with running_servers(tmp_path_factory.mktemp("chaos"), partitions=3) as desk:
        for name in REPLICAS:
            desk.add(name, **HASTY)
        yield desk


@pytest.fixture
async def desk(servers: ChaosDesk, say: Say) -> AsyncIterator[ChaosDesk]:
    """Three aggregators that are ready, started again when they die."""
    servers.say = say
    async with servers.looked_after():
        await servers.until_ready(*servers.replicas)
        yield servers


@pytest.fixture
async def load(desk: ChaosDesk, seed: int, request: pytest.FixtureRequest) -> AsyncIterator[Load]:
    """Some records are broken, but where a member in this process could read them: its log is ours."""
    name = request.node.name
    async with loading(desk.kafka, Stream(seed, REGIONS, f"{name[5:12]}-", breaks="join" not in name)) as made:
        yield made


def lasting_s() -> float:
    return float(os.environ.get("CHAOS_S", USUAL_S))


def per_s() -> float:
    return min(PER_S, MOST_EVENTS / lasting_s())


async def desk_partitions(desk: ChaosDesk, count: int) -> str:
    """What `desk partitions` says."""
    env = {"DESK_KAFKA": desk.kafka}
    result = await asyncio.to_thread(CliRunner().invoke, main, ["partitions", str(count)], env=env)
    assert result.exit_code == 0, result.output
    return result.output


async def test_killed_and_frozen_at_random(desk: ChaosDesk, load: Load, seed: int) -> None:
    """Three replicas die by kill -9 and stand still, at moments nobody chose, while events flow; among these are some
    with a header that stops aiokafka's own consumer."""
    odd = [(outgoing.value, True) for (outgoing, *_) in Stream(seed, REGIONS, "odd-").take(40)]
    await send_batch(desk.kafka, REPORTS.name, 0, odd, None)
    async with load.flowing(per_s()):
        await kill_and_freeze(desk, seed, lasting_s())
    await desk.assert_right()


async def test_members_join_and_leave_every_two_seconds(desk: ChaosDesk, load: Load) -> None:
    """A fourth member joins, folds and leaves, again and again: a rebalance of the whole group each time."""
    async with load.flowing(per_s()):
        await join_and_leave(desk, times=max(2, int(lasting_s() / 4)))
    await desk.assert_right()


async def test_partitions_grow_from_three_to_twelve(desk: ChaosDesk, load: Load) -> None:
    """Regencies move to other partitions in the midst of their events: producers and consumers find the new ones by
    themselves, and what is read in another order than it was sent counts the same, once."""
    async with load.flowing(per_s()):
        assert (await desk_partitions(desk, 12)).count("3 -> 12") == len(TOPICS)
        await desk.until_read_beyond(3)
    await desk.assert_right()
    assert (await desk_partitions(desk, 12)).count("nothing to do") == len(TOPICS)


async def test_the_primary_steps_down_again_and_again(desk: ChaosDesk, load: Load) -> None:
    """Every write may be refused, or done and not confirmed."""
    async with load.flowing(per_s()):
        await step_down(desk, times=max(2, int(lasting_s() / 5)))
    await desk.assert_right()


async def test_the_database_is_away_for_longer_than_the_tries_last(desk: ChaosDesk, load: Load) -> None:
    """The process ends, its supervisor starts it again, and it catches up when the database is back."""
    async with load.flowing(per_s()):
        await take_the_database_away(desk)
    await desk.assert_right()
