"""The whole of `desk replay`, in a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from desk.counting import counting
from desk.replay.comparing import told
from desk.replay.reading import Log, open_log
from desk.replay.shadow import RESERVED, NoShadow, Shadow, make_shadow, read_to
from desk.replay.switching import Switch
from desk.replay.verifying import Found, Verifying
from desk.who import who
from services.aggregator.app import TOPICS
from shared import mongo
from shared.election.calendar import Calendar
from shared.exactly_once import guard
from shared.exactly_once.comparison import Comparison
from shared.exactly_once.guard import Guard
from shared.kafka.log_reader import LogReader
from shared.kafka.security import security_of
from shared.mongo import Database
from shared.records import Places
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP

PATIENCE_S = 60.0
LONG_CALL_MS = 3_600_000  # copying a whole collection is one call

SAME, DIFFERENT = 0, 1

Say = Callable[[str], None]


class Refused(Exception):
    """It would lose something, and nobody has said that it may."""


@dataclass(frozen=True)
class Errand:
    """What is wanted. `accepts_loss`: also of a log that no longer holds all that the model in use has read."""

    shadow: str
    verifies: bool = False
    switches: bool = False
    goes_on: bool = False
    accepts_loss: bool = False
    patience_s: float = PATIENCE_S


@dataclass(frozen=True)
class Replay:
    """Over open connections. Raises NoShadow, CannotTell, Refused, StillReading, OtherLog, and what reading log and
    database raises."""

    errand: Errand
    settings: Settings
    calendar: Calendar
    used: Database
    positions: Guard  # of the model in use
    shadow: Shadow
    log: Log
    comparison: Comparison
    switch: Switch
    say: Say
    tell: Say  # the result, line by line

    async def run(self) -> int:
        if self.errand.switches and await self.switch.is_half_done():
            self.say("an earlier exchange died half-way: ending it")
            return await self._finish()
        await self._take_back()
        if not self.errand.accepts_loss:
            await self.comparison.verify_log()  # of another log nothing is to be learnt
        begins, ends = await self.log.bounds()
        began = await self.shadow.begin(begins, self.errand.goes_on)
        lost = lost_words(began)
        for line in lost:
            self.say(line)
        status = await self._verify() if self.errand.verifies else SAME
        if self.errand.verifies and (status == SAME or not self.errand.switches):
            return status
        if self.errand.switches and lost and not self.errand.accepts_loss:
            raise Refused("the model in use may hold what the log does not: --accept-loss exchanges it all the same")
        await self._read(ends)
        return await self._exchange() if self.errand.switches else SAME

    async def _take_back(self) -> None:
        """What an earlier exchange that died has begun. Raises Refused, OthersFence."""
        is_half_done = await self.switch.is_half_done()
        if not (is_half_done or await self.switch.is_begun()):
            return
        if not self.errand.switches:
            way = "" if is_half_done else "; `desk replay --abandon` takes it back"
            raise Refused(f"an exchange died half-way: `desk replay --switch` ends it{way}")
        self.say("an earlier exchange died before it changed anything: beginning anew")
        await self.switch.abandon()

    async def _read(self, until: Places) -> None:
        """With a bar."""
        read, begins = await self.shadow.read_to(), (await self.log.bounds())[0]
        total = sum(max(0, end - max(read.get(log, 0), begins.get(log, 0))) for log, end in until.items())
        with counting("reading records", total) as counted:
            await self.shadow.advance(until, counted)
        unusable = f"; {self.shadow.unusable} were put aside when they were first read" if self.shadow.unusable else ""
        self.say(f"{self.shadow.database.name} holds what the log amounts to: {total:,} records read{unusable}")

    async def _verify(self) -> int:
        await self._read(await read_to(self.positions, await self.log.partitions()))
        verifying = Verifying(self.used, self.shadow, self.settings.journal_retention, self.errand.patience_s)
        found = await verifying.compare()
        for line in result(found, {region.code: region.name for region in self.calendar.roster}):
            self.tell(line)
        return DIFFERENT if found.differences else SAME

    async def _exchange(self) -> int:
        self.say("waiting for the aggregators to stop reading")
        await self.switch.fence_off()
        try:
            await self._read((await self.log.bounds())[1])  # nobody reads any more: this is all there is
            await self._refuse_less()
            self.say("copying")
            await self.switch.stage(self.shadow.database)
        except BaseException:
            await asyncio.shield(self.switch.give_up())
            raise
        return await self._finish()

    async def _refuse_less(self) -> None:
        """Raises Refused if the shadow has read less than the model in use."""
        read = await self.shadow.read_to()
        used = await read_to(self.positions, await self.log.partitions())
        less = sorted(log for log, at in used.items() if at > read.get(log, 0))
        if less and not self.errand.accepts_loss:
            raise Refused(f"the log ends before what the model in use has read of {', '.join(less)} (other-log.md)")

    async def _finish(self) -> int:
        await self.switch.finish()
        await self.shadow.drop()
        self.tell(f"{self.used.name} is what the log amounts to; the aggregators read on by themselves")
        self.tell("(one that had stopped before, as its /readyz says, wants a restart)")
        return SAME


def result(found: Found, names: Mapping[str, str]) -> Iterator[str]:
    """What a comparison has found, in lines."""
    if found.differences:
        yield f"{len(found.differences)} of {found.compared} documents differ from what the log amounts to:"
        yield from told(found.differences, names)
    else:
        yield f"the same: {found.compared} documents are what the log amounts to"
    if found.expired:
        yield f"{found.expired} entries of the journal have expired (DESK_JOURNAL_RETENTION), and are no difference"


def lost_words(begins: Places) -> list[str]:
    """What the log no longer holds."""
    cut = {log: begin for log, begin in sorted(begins.items()) if begin > 0}
    if not cut:
        return []
    where = ", ".join(f"{log} ({begin:,})" for log, begin in cut.items())
    return [f"the log no longer begins at its beginning (retention); the first records are gone of {where}"]


@asynccontextmanager
async def open_replay(
    errand: Errand, settings: Settings, calendar: Calendar, say: Say, tell: Say
) -> AsyncIterator[Replay]:
    """Raises NoShadow for a name that no shadow may have; DatabaseError, KafkaError, TimeoutError if somebody does not
    answer, soon."""
    if errand.shadow in RESERVED:
        raise NoShadow(f"{errand.shadow} is in use: name another database")
    await _until_answered(settings)
    client = mongo.connect(settings.mongo, settings.mongo_driver, LONG_CALL_MS)
    looks = LogReader(settings.kafka, AGGREGATOR_GROUP, "desk.replay", security_of(settings))
    used = mongo.database(client, mongo.AGGREGATOR_DB)
    keeper = Guard(used[guard.COLLECTION], looks)  # without the journal: what that lacks is found, or mended, here
    try:
        async with open_log(settings, TOPICS) as log:
            yield Replay(
                errand=errand,
                settings=settings,
                calendar=calendar,
                used=used,
                positions=keeper,
                shadow=make_shadow(mongo.database(client, errand.shadow), log, looks, calendar),
                log=log,
                comparison=Comparison(TOPICS, keeper, looks),
                switch=Switch(settings, used, who()),
                say=say,
                tell=tell,
            )
    finally:
        await looks.stop()
        await mongo.close(client)


async def _until_answered(settings: Settings) -> None:
    """A client for long calls would wait long for a server that is not there."""
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
    try:
        await client.admin.command("ping")
    finally:
        await mongo.close(client)
