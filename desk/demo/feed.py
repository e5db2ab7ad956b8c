"""Shows what the system does by itself: alerts that fire and resolve, notices that arrive, services that restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from desk.demo.client import Client, Json
from desk.demo.receiver import Receiver
from desk.demo.screen import Screen
from desk.demo.texts import yes_or_no
from services.notifier import rules
from services.notifier.rules import missing_report, quiet_period_violation
from shared.events.alert import AlertState

if TYPE_CHECKING:
    from desk.running import RunningStack

LOOK_EVERY_S = 0.3
POLL_EVERY_S = 0.1


class Feed:
    """Shows each alert's states and each notice once. `place` names a region."""

    def __init__(self, client: Client, receiver: Receiver, screen: Screen, place: Callable[[str], str]) -> None:
        self._client, self._receiver, self._screen, self._place = client, receiver, screen, place
        self._shown: dict[str, str] = {}
        self._shown_notices = 0
        self._shown_bad = 0
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(LOOK_EVERY_S)

    async def refresh(self) -> None:
        """Show what is new. The notices that are here before the alerts are asked come after them."""
        async with self._turn:
            arrived = len(self._receiver.notices)
            for alert in await self._client.items("notifier", "/v1/alerts"):
                if _is_told_together(alert):
                    continue
                if self._shown.get(alert["id"]) != alert["state"]:
                    self._show_alert(alert)
                    self._shown[alert["id"]] = alert["state"]
            self._show_notices(arrived)

    def _show_alert(self, alert: Json) -> None:
        if alert["id"] not in self._shown:
            self._show_fired(alert)
        if alert["state"] == AlertState.RESOLVED:
            self._screen.say("resolved", "resolved", alert=alert["id"], resolution=alert["resolution"])

    def _show_fired(self, alert: Json) -> None:
        rule, details = alert["rule"], alert["details"]
        if rule == quiet_period_violation.NAME:
            flags: dict[str, Any] = {
                "occurred": yes_or_no(details["occurred_in_quiet_period"]),
                "reported": yes_or_no(details["reported_in_quiet_period"]),
            }
            self._screen.say("alert", f"alert_{rule}", name=self._place(alert["region"]), **flags)
        else:
            key = f"alert_{rule}" if rule == missing_report.NAME else "alert_other"
            self._screen.say("alert", key, alert=alert["id"], name=self._place(alert["region"]))

    def _show_notices(self, arrived: int) -> None:
        for notice in self._receiver.notices[self._shown_notices : arrived]:
            self._screen.say(
                "notice", "notice", receiver=notice.receiver, id_text=notice.text["id"], en_text=notice.text["en"]
            )
        self._shown_notices = max(arrived, self._shown_notices)
        if self._receiver.bad_signatures > self._shown_bad:
            self._shown_bad = self._receiver.bad_signatures
            self._screen.say("trouble", "bad_signature", count=self._shown_bad)


def _is_told_together(alert: Json) -> bool:
    """Many at once, of which the notices speak: what is lacking in logistics, who is reminded."""
    return rules.is_digested(alert["rule"]) and alert["rule"] != missing_report.NAME


class Watchman:
    """Restarts what died, and counts how often the notifier was."""

    def __init__(self, stack: RunningStack, screen: Screen) -> None:
        self._stack, self._screen = stack, screen
        self._notifiers = {stack.pids().get("notifier")}

    @property
    def notifier_restarts(self) -> int:
        return len(self._notifiers) - 1

    async def run(self) -> None:
        """Must run on the main thread: children end with the thread that started them."""
        while True:
            for message in self._stack.poll():
                self._screen.say("trouble", "stack", message=message)
            self._notifiers.add(self._stack.pids().get("notifier"))
            await asyncio.sleep(POLL_EVERY_S)
