"""What is still outstanding while the clock stands. What is expected is waited for within bounds, and never becomes
an answer: when patience ends the demo goes on, and its table shows the difference."""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime

from desk.demo.client import Client
from desk.demo.expected import Expected
from desk.demo.receiver import Receiver
from desk.demo.screen import Screen
from desk.demo.seen import counted, verdicts
from desk.demo.texts import Pair, pair, text
from shared.events.verdict import Verdict

PATIENCE_S = 45.0  # a killed consumer's partitions come back after Kafka's session timeout (10 s) and its restart
SILENT_S = 2.0
ASK_EVERY_S = 0.2


class Outstanding:
    """Submissions not counted, periods not judged, alerts not told. Each is given up once."""

    def __init__(self, expected: Expected, client: Client, receiver: Receiver, screen: Screen) -> None:
        self._expected, self._client, self._receiver, self._screen = expected, client, receiver, screen
        self._uncounted: set[str] = set()
        self._unjudged: set[date] = set()
        self._given_up: set[tuple[str, str, str]] = set()

    def accepted(self, event_id: str) -> None:
        self._uncounted.add(event_id)

    def judged(self, period: date) -> None:
        """From now on every region that owes a report for the period must have a verdict."""
        self._unjudged.add(period)

    async def hold(self, now: datetime) -> None:
        """Return when nothing is outstanding, or when patience ends. Raises ServiceAway, ValueError."""
        began = told_at = time.monotonic()
        while (what := await self._what(now)) is not None:
            waited = time.monotonic() - began
            if waited > PATIENCE_S:
                self._screen.say("trouble", "gave_up", seconds=round(waited), what=what)
                self._give_up(now)
                break
            self._screen.waits_for(text("waiting", "id", what=what[0]))
            if time.monotonic() - told_at > SILENT_S:
                told_at = float("inf")
                self._screen.say("note", "waiting", what=what)
            await asyncio.sleep(ASK_EVERY_S)
        self._screen.waits_for(None)

    async def _what(self, now: datetime) -> Pair | None:
        """The first thing that is outstanding, in words; None if nothing is."""
        self._uncounted -= await counted(self._client, self._uncounted)
        if self._uncounted:
            return pair("wait_counted", count=len(self._uncounted))
        for period in sorted(self._unjudged):
            if Verdict.PENDING in (await verdicts(self._client, period.isoformat())).values():
                return pair("wait_judged", period=period.isoformat())
            self._unjudged.discard(period)
        untold = self._expected.told_by(now) - self._receiver.told - self._given_up
        return pair("wait_told", count=len(untold)) if untold else None

    def _give_up(self, now: datetime) -> None:
        self._uncounted.clear()
        self._unjudged.clear()
        self._given_up |= self._expected.told_by(now)
