"""Recovery beside real aggregators, while events flow: the read model is spoilt and exchanged (`desk replay`), lost
and brought back (`desk backup`, `desk restore`)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from services.aggregator.changes import changes_of
from shared import mongo
from shared.kafka.topic_admin import connected, create_topics
from shared.topics import REPORTS, Topic
from tests.e2e.chaos_desk import TOPICS, ChaosDesk, running_servers
from tests.e2e.chaos_events import Stream
from tests.e2e.chaos_load import Load, loading
from tests.e2e.chaos_reference import reference_of
from tests.e2e.scenario_files import KALTIM, read_regions

pytestmark = pytest.mark.timeout(300)

REGIONS = [region.code for region in read_regions(KALTIM)]
ROOT = Path(__file__).resolve().parents[2]
PER_S = 40.0

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosDesk]:
    with running_servers(tmp_path_factory.mktemp("replay"), partitions=12) as desk:
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
    return await command(desk, "replay", *options)


async def command(desk: ChaosDesk, *arguments: str) -> tuple[int, str]:
    """The exit status of `desk`, and all that it says."""
    environ = {**os.environ, "DESK_KAFKA": desk.kafka, "DESK_MONGO": desk.mongo_url, "DESK_ELECTION": str(KALTIM)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "desk", *arguments),
        cwd=ROOT,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    desk.say(f"{arguments}: {process.returncode}\n{out.decode()}")
    return process.returncode or 0, out.decode()


async def spoil(desk: ChaosDesk) -> str:
    """As a defect of ours would, and a hand: a count that is wrong, a report and an entry of the journal that are
    missing; the region of the first."""
    async with desk.opened(mongo.AGGREGATOR_DB) as database:
        region = await database["regions"].find_one_and_update(
            {"total.reports.count": {"$gte": 1}}, {"$inc": {"total.reports.count": 7, "rev": 1}}
        )
        await database["reports"].find_one_and_delete({"condition": {"$exists": True}})
        await database["journal"].find_one_and_delete({"type": "desk.report.v1"})
    return str(region["_id"])


async def test_a_spoilt_model_is_told_and_exchanged_while_events_flow(desk: ChaosDesk, load: Load) -> None:
    """The same at first; then every difference is named by its region; after the exchange the aggregators have gone on
    by themselves, and everything that was sent, before, meanwhile and afterwards, counts once."""
    await desk.until_read()
    async with load.flowing(PER_S):
        status, said = await replay(desk, "--verify")
        assert (status, "the same" in said) == (0, True), said
        region = await spoil(desk)
        status, said = await replay(desk, "--verify")
        assert (status, "1 journal" in said, "have expired" in said) == (1, True, False), said
        status, said = await replay(desk, "--go-on", "--verify", "--switch")
        assert status == 0, said
        assert f"regions {region}: total.reports.count is" in said
        assert "missing; the log has it" in said
        assert "journal /agencies/" in said
        assert "is what the log amounts to; the aggregators read on" in said
    await desk.assert_right()
    assert not desk.deaths


async def test_a_lost_database_comes_back_from_a_backup_and_the_log(
    desk: ChaosDesk, load: Load, tmp_path: Path
) -> None:
    """The backup is made under load, and more comes after it; the database is dropped and restored. The aggregators
    read on from where the backup was: everything counts, once."""
    file = str(tmp_path / "monday.desk")
    async with load.flowing(PER_S):
        status, said = await command(desk, "backup", file)
        assert status == 0, said
    await desk.until_read()
    status, said = await command(desk, "restore", file)
    assert (status, "aggregator at" in said) == (2, True), said
    desk.remove()
    async with desk.opened(mongo.AGGREGATOR_DB) as database:
        await database.client.drop_database(database.name)
    status, said = await command(desk, "restore", file)
    assert status == 0, said
    desk.add("three")
    await desk.until_ready("three")
    await desk.until_database_has_read()
    await desk.assert_right()


async def make_anew(desk: ChaosDesk) -> None:
    """All topics of events, empty, as after the loss of Kafka's disks; and with fewer partitions than there were."""
    async with connected(desk.kafka) as admin:
        await admin.delete_topics([topic.name for topic in TOPICS])
    made: list[str] = []
    while len(made) < len(TOPICS):  # until the deletion is done the names are taken
        made += await create_topics(desk.kafka, [Topic(topic.name, 2) for topic in TOPICS], 1, 1)


async def test_a_lost_kafka_goes_on_where_the_databases_are(desk: ChaosDesk, load: Load) -> None:
    """New topics begin at 0, where the databases stand further: whoever reads refuses. Then they go on from there,
    with what was accepted meanwhile; what was counted before stays counted, also if it is sent again. The log no
    longer holds everything then: a replay does not take it for the whole."""
    await desk.until_read()
    before = await desk.log()
    await make_anew(desk)
    status, said = await command(desk, "continue-log")
    assert (status, "`desk partitions 12` first" in said) == (2, True), said
    assert (await command(desk, "partitions", "12"))[0] == 0
    await load.send(200)
    again = [record for record in before if record.position.topic == REPORTS.name][:50]
    await asyncio.gather(*(load.repeat(REPORTS.name, record.key, record.value) for record in again))
    async with load.flowing(PER_S):
        status, said = await command(desk, "continue-log")
    assert status == 0, said
    assert all(record.value for record in await desk.log()), "an empty record to fill with is left to be read"
    desk.remove()
    desk.add("four")
    await load.send(200)
    await desk.until_database_has_read()
    expected = reference_of([*before, *await desk.log()], changes_of(desk.calendar))
    wrong = await desk.complaints(expected)
    assert not wrong, "\n".join(wrong)
    status, said = await replay(desk, "--switch")
    assert (status, "the first records are gone of alerts:0" in said, "--accept-loss" in said) == (2, True, True), said
