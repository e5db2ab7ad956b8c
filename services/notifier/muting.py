"""Whether a notice waits, asked of what is known now: silences, alerts that inhibit it, its reader's quiet hours."""

from __future__ import annotations

from datetime import datetime

from services.notifier import holding
from services.notifier.holding import Hold
from services.notifier.silence_store import SilenceStore
from shared.mongo import Document


class Muting:
    def __init__(self, silences: SilenceStore) -> None:
        self._silences = silences

    async def hold(self, payload: Document, now: datetime) -> Hold | None:
        """What holds a notice now, None if it may be told. `now` is the election's time."""
        told = holding.told_alerts(payload)
        return holding.silenced(told, await self._silences.not_over(now), now)

    async def ended(self, holders: list[str], now: datetime) -> list[str]:
        """Those of the holders that hold nothing any more, whatever was planned for them."""
        lasting = {f"{holding.SILENCE}:{s['_id']}" for s in await self._silences.not_over(now)}
        return [h for h in holders if holding.holder_of(h)[0] == holding.SILENCE and h not in lasting]
