"""`desk replay` beside real aggregators, while events flow: the model is verified, spoilt, and exchanged."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from shared import mongo
from shared.kafka.topic_admin import connected
from shared.topics import REPORTS
from tests.e2e.chaos_desk import ChaosDesk, running_servers
from tests.e2e.chaos_events import Stream
from tests.e2e.chaos_load import Load, loading
from tests.e2e.scenario_files import KALTIM, read_regions

pytestmark = pytest.mark.timeout(300)

REGIONS = [region.code for region in read_regions(KALTIM)]
ROOT = Path(__file__).resolve().parents[2]
PER_S = 100.0

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosDesk]:
    with running_servers(tmp_path_factory.mktemp("replay"), partitions=3) as desk:
        for name in ("one", "two"):
            desk.add(name)
        yield desk


@pytest.fixture
async def desk(servers: ChaosDesk, say: Say) -> AsyncIterator[ChaosDesk]:
    """Two aggregators that are ready."""
    servers.say = say
    async with servers.looked_after():
        await servers.until_ready(*servers.replicas)
        yield servers


@pytest.fixture
async def load(desk: ChaosDesk, seed: int, request: pytest.FixtureRequest) -> AsyncIterator[Load]:
    async with loading(desk.kafka, Stream(seed, REGIONS, f"{request.node.name[5:12]}-")) as made:
        await made.send(300)
        yield made


async def replay(desk: ChaosDesk, *options: str) -> tuple[int, str]:
    """Its exit status, and all that it says."""
    environ = {**os.environ, "DESK_KAFKA": desk.kafka, "DESK_MONGO": desk.mongo_url, "DESK_ELECTION": str(KALTIM)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "desk", "replay", *options),
        cwd=ROOT,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    desk.say(f"{options}: {process.returncode}\n{out.decode()}")
    return process.returncode or 0, out.decode()


async def spoil(desk: ChaosDesk) -> str:
    """As a defect of ours would: a count that is wrong, a report that is missing; the region of the first."""
    async with desk.opened(mongo.AGGREGATOR_DB) as database:
        region = await database["regions"].find_one_and_update(
            {"total.reports.count": {"$gte": 1}}, {"$inc": {"total.reports.count": 7, "rev": 1}}
        )
        await database["reports"].find_one_and_delete({"condition": {"$exists": True}})
    return str(region["_id"])


async def test_a_spoilt_model_is_told_and_exchanged_while_events_flow(desk: ChaosDesk, load: Load) -> None:
    """The same at first; then every difference is named by its region; after the exchange the aggregators have gone on
    by themselves, and everything that was sent, before, meanwhile and afterwards, counts once."""
    await desk.until_read()
    async with load.flowing(PER_S):
        status, said = await replay(desk, "--verify")
        assert (status, "the same" in said) == (0, True), said
        region = await spoil(desk)
        status, said = await replay(desk, "--verify", "--go-on")
        assert status == 1, said
        assert f"regions {region}: total.reports.count is" in said
        assert "missing; the log has it" in said
        status, said = await replay(desk, "--go-on", "--switch")
        assert status == 0, said
    await desk.assert_right()
    assert not desk.deaths


async def test_a_log_that_was_cut_is_not_taken_for_the_whole(desk: ChaosDesk, load: Load) -> None:
    """Retention has taken the first records: what they said the shadow cannot know. The exchange is refused, and the
    model in use stays as it was."""
    await desk.until_read()
    async with connected(desk.kafka) as admin:
        await admin.delete_records({TopicPartition(REPORTS.name, 1): RecordsToDelete(before_offset=20)})
    status, said = await replay(desk, "--switch")
    assert status == 2, said
    assert "the first records are gone of reports:1 (20)" in said
    assert "--accept-loss" in said
    assert load.sent
    async with desk.opened(mongo.AGGREGATOR_DB) as database:
        assert await database["regions"].find_one({"rev": {"$gt": 1}}) is not None
