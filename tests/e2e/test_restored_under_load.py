"""A restore while agencies go on sending, with as many partitions as an installation has: each of them has a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shared import mongo
from tests.e2e.chaos_desk import ChaosDesk, running_servers
from tests.e2e.chaos_events import Stream
from tests.e2e.chaos_load import loading
from tests.e2e.test_recovery import PER_S, REGIONS, command

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[ChaosDesk]:
    with running_servers(tmp_path, partitions=12) as desk:
        desk.add("one")
        yield desk


@pytest.fixture
async def desk(servers: ChaosDesk, say: Callable[[str], None]) -> AsyncIterator[ChaosDesk]:
    servers.say = say
    async with servers.looked_after():
        await servers.until_ready("one")
        yield servers


async def test_an_older_backup_is_restored_while_agencies_send(desk: ChaosDesk, seed: int, tmp_path: Path) -> None:
    """What the group has committed is beyond the backup in every partition, and new records wait behind that: all is
    read again, counts once, and no aggregator dies of it. (It once died of the ninth gap, at each start anew.)"""
    file = str(tmp_path / "monday.desk")
    async with loading(desk.kafka, Stream(seed, REGIONS, "restored-")) as load:
        await load.send(200)
        await desk.until_read()
        assert (await command(desk, "backup", file))[0] == 0
        await load.send(300)
        await desk.until_read()
        desk.remove()
        async with desk.opened(mongo.AGGREGATOR_DB) as database:
            await database.client.drop_database(database.name)
        async with load.flowing(PER_S):
            status, said = await command(desk, "restore", file)
            assert status == 0, said
            desk.add("two")
            await desk.until_ready("two")
        await desk.until_database_has_read()
        await desk.assert_right()
    assert not desk.deaths
