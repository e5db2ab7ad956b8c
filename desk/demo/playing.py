"""Plays the scenario: sends, holds until the answers are in, shows, and looks at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from desk.demo.client import Answer, Client
from desk.demo.feed import Feed
from desk.demo.holding import Outstanding
from desk.demo.receiver import Receiver
from desk.demo.scenario import Acknowledgement, Expect, Scenario, Step, judgements, moments
from desk.demo.screen import Screen
from desk.demo.seen import Answers, Seen, look, verdicts
from desk.demo.stepping import Stepper
from shared.election.calendar import Calendar
from shared.events.verdict import Verdict

SETTLE_S = 1.5
OK = 200
REPORTED = frozenset({Verdict.ON_TIME.value, Verdict.LATE.value})


@dataclass
class Player:
    """Plays one scenario, once. `place` names a region; at `holds` something must have been told."""

    scenario: Scenario
    calendar: Calendar
    place: Callable[[str], str]
    client: Client
    receiver: Receiver
    screen: Screen
    feed: Feed
    stepper: Stepper
    outstanding: Outstanding
    holds: frozenset[datetime]
    answers: Answers = field(default_factory=list)

    async def play(self) -> None:
        """The whole fortnight. Raises ServiceAway, ValueError."""
        for moment in moments(self.scenario, self.calendar, self.holds):
            for step in moment.steps:
                await self.stepper.to(step.at)
                await self._send(step)
            await self.stepper.to(moment.at)
            if moment.acknowledgement is not None:
                await self._acknowledge(moment.acknowledgement)
            if moment.period is not None:
                self.outstanding.judged(moment.period)
            await self.outstanding.hold(self.stepper.now)
            await self.feed.refresh()
            if moment.period is not None:
                await self._show_attendance(moment.period.isoformat())
        await asyncio.sleep(SETTLE_S)  # what must not come gets its chance to come

    async def look(self, notifier_restarts: int) -> Seen:
        """What there is now. Raises ServiceAway, ValueError."""
        periods = judgements(self.scenario, self.calendar)
        return await look(self.client, self.scenario, periods, self.answers, self.receiver, notifier_restarts)

    async def _send(self, step: Step) -> None:
        answer = await self.client.send(step)
        self.answers.append((step.expect, step.id, answer))
        if answer.status == 202:
            self.outstanding.accepted(step.id)
            self._show_accepted(step, answer)
        else:
            await self._show_refused(step, answer)

    async def _acknowledge(self, taken: Acknowledgement) -> None:
        """After the alert is there: its incident was sent at an earlier moment, at which the clock held."""
        answer = await self.client.acknowledge(taken)
        key = "acknowledged" if answer.status == OK else "not_acknowledged"
        self.screen.say("note", key, alert=taken.alert, note=taken.note, status=answer.status)

    def _show_accepted(self, step: Step, answer: Answer) -> None:
        name = self.place(step.region)
        if step.expect is Expect.REPEATED and answer.body.get("duplicate"):
            self.screen.say("duplicate", "duplicate", name=name, id=step.id)
        elif step.send == "report":
            self.screen.say("accepted", "accepted_report", f'"{step.body["summary"]}"', name=name)
        elif step.send == "logistics":
            self._show_received(step, name)
        else:
            label = self.calendar.election.categories[step.body["category"]].label
            quoted = f'"{step.body["description"]}"'
            self.screen.say("accepted", "accepted_incident", quoted, name=name, category=(label.id, label.en))

    def _show_received(self, step: Step, name: str) -> None:
        """One line for all items that a region received at once."""
        together = [s for s in self.scenario.steps if (s.send, s.region, s.at) == (step.send, step.region, step.at)]
        if step is together[-1]:
            self.screen.say("accepted", "accepted_logistics", name=name, count=len(together))

    async def _show_refused(self, step: Step, answer: Answer) -> None:
        """The reason as intake gives it; asked once more for the English one: a refusal stays a refusal."""
        english = (await self.client.send(step, "en")).body
        title = (answer.body.get("title", ""), english.get("title", ""))
        self.screen.say("refused", "refused", name=self.place(step.region), status=answer.status, title=title)
        in_english = {error["field"]: error["problem"] for error in english.get("errors", [])}
        for error in answer.body.get("errors", []):
            problem = (error["problem"], in_english.get(error["field"], ""))
            self.screen.say("refused", "refused_field", field=error["field"], problem=problem)

    async def _show_attendance(self, period: str) -> None:
        found = await verdicts(self.client, period)
        absent = [self.place(code) for code, verdict in found.items() if verdict not in REPORTED]
        reported = len(found) - len(absent)
        key = "absent" if absent else "attendance"
        self.screen.say("attendance", key, period=period, owed=len(found), reported=reported, names=", ".join(absent))
