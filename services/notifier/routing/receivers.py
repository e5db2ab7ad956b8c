"""The receivers file: who is told of what. Read once at start; a bad file is one clear line.

How they are reached, channel by channel, is `addresses.py`; teams and routes are `routes.py`; who is told of a notice
is worked out from all of it in `routing.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, ValidationInfo, field_validator

from services.notifier.routing.addresses import (
    AlertmanagerAddress,
    AppriseAddress,
    ConsoleAddress,
    EmailAddress,
    WebhookAddress,
)
from services.notifier.routing.credentials import BadAddress
from services.notifier.routing.routes import USUAL, Inhibition, Route, Team
from services.notifier.routing.selection import Selection
from shared.election.calendar import Calendar
from shared.election.durations import Duration, between
from shared.election.frozen import Frozen
from shared.yaml_files import BadFile, first_problem, read_yaml

EXAMPLES = {
    "receivers": (
        "receivers: [{name: desk-provinsi, channel: webhook, url: https://desk.example/hook, secret: whsec_...}]"
    ),
    "teams": "teams: [{name: piket, members: [{name: Budi, receivers: [budi-telegram, budi-mail]}]}]",
    "routes": "routes: [{to: [piket], severities: [critical], escalate: [{after: 30m, to: [kepala-desk]}]}]",
    "inhibit": "inhibit: [{by: outage, mutes: [missing-report]}]",
    "digest_wait": "digest_wait: 30s",
    "max_notice_age": "max_notice_age: 7d",
    "receivers.email": (
        "receivers: [{name: kpu, channel: email, host: smtp.example.id, from: desk@example.id, to: [kpu@example.id]}]"
    ),
    "receivers.apprise": "receivers: [{name: grup, channel: apprise, url_file: /run/secrets/telegram}]",
    "receivers.alertmanager": "receivers: [{name: on-call, channel: alertmanager, url: https://alerts.example.id}]",
    "receivers.console": "receivers: [{name: console, channel: console}]",
    "teams.quiet_hours": 'quiet_hours: {from: "22:00", to: "06:00", below: critical}',
    "*.name": "name: desk-provinsi",
    "*.url": "url: https://desk.example.id/hooks/pilkada",
    "*.host": "host: smtp.example.id",
    "*.from": "from: desk@example.id",
    "*.tls": "tls: starttls",
    "*.regions": 'regions: ["64", "64.72"]',
    "*.rules": "rules: [missing-report, quiet-period-violation]",
    "*.severities": "severities: [warning, critical]",
    "*.stages": "stages: [quiet_period]",
    "*.concurrency": "concurrency: 4",
    "*.retry_for": "retry_for: 4h",
    "*.resend_every": "resend_every: 1m",
    "*.repeat_every": "repeat_every: 6h",
    "*.after": "escalate: [{after: 30m, to: [kepala-desk]}]",
}


class ConsoleReceiver(ConsoleAddress, Selection):
    pass


class WebhookReceiver(WebhookAddress, Selection):
    pass


class EmailReceiver(EmailAddress, Selection):
    pass


class AppriseReceiver(AppriseAddress, Selection):
    pass


class AlertmanagerReceiver(AlertmanagerAddress, Selection):
    pass


Receiver = Annotated[
    ConsoleReceiver | WebhookReceiver | EmailReceiver | AppriseReceiver | AlertmanagerReceiver,
    Field(discriminator="channel"),
]


class Receivers(Frozen):
    """The whole file. What is told together is collected for `digest_wait`. A notice older than `max_notice_age` is
    stored and not sent: old news wakes nobody."""

    receivers: Annotated[tuple[Receiver, ...], Field(min_length=1)]
    teams: tuple[Team, ...] = ()
    routes: tuple[Route, ...] = ()
    inhibit: tuple[Inhibition, ...] = USUAL
    digest_wait: Annotated[Duration, between(timedelta(), timedelta(hours=1))] = timedelta(seconds=30)
    max_notice_age: Duration = timedelta(days=7)

    @field_validator("receivers")
    @classmethod
    def _unique_receivers(cls, receivers: tuple[Receiver, ...]) -> tuple[Receiver, ...]:
        twice = _twice(r.name for r in receivers)
        if twice:
            raise ValueError(f"two receivers are named {twice}")
        return receivers

    @field_validator("teams")
    @classmethod
    def _sound_teams(cls, teams: tuple[Team, ...], info: ValidationInfo) -> tuple[Team, ...]:
        known = [r.name for r in info.data.get("receivers", ())]
        twice = _twice([*(t.name for t in teams), *known])
        if twice:
            raise ValueError(f"the name {twice} stands for two: teams and receivers share their names")
        for team in teams:
            _refuse_strangers(f"team {team.name}", team.receivers, known)
        quiet = {(name, team.quiet_hours) for team in teams if team.quiet_hours for name in team.receivers}
        torn = _twice(name for name, _hours in quiet)
        if torn:
            raise ValueError(f"{torn} has the quiet hours of two teams; they must be the same")
        return teams

    @field_validator("routes")
    @classmethod
    def _known_names(cls, routes: tuple[Route, ...], info: ValidationInfo) -> tuple[Route, ...]:
        known = [one.name for one in (*info.data.get("receivers", ()), *info.data.get("teams", ()))]
        for number, route in enumerate(routes, start=1):
            _refuse_strangers(f"route {number}", route.named(), known)
        return routes

    def selections(self) -> Iterator[tuple[str, Selection]]:
        """All of the file, each with its key."""
        yield from ((f"receivers.{n}", receiver) for n, receiver in enumerate(self.receivers))
        yield from ((f"routes.{n}", route) for n, route in enumerate(self.routes))


def _twice(names: Iterable[str]) -> str | None:
    listed = list(names)
    return next((name for name in listed if listed.count(name) > 1), None)


def _refuse_strangers(who: str, named: Iterable[str], known: Iterable[str]) -> None:
    stranger = next((name for name in named if name not in known), None)
    if stranger is not None:
        raise ValueError(f"{who} names {stranger!r}, which is not in the file; there are {', '.join(known)}")


_FILE: TypeAdapter[Receivers] = TypeAdapter(Receivers)
CONSOLE_ALONE: dict[str, Any] = {"receivers": [{"name": "console", "channel": "console"}]}


def read_receivers(path: Path | None) -> Receivers:
    """The receivers of a file; the console alone without one. Raises BadFile, also for a secret that is no secret."""
    if path is None:
        return _FILE.validate_python(CONSOLE_ALONE)
    try:
        found = _FILE.validate_python(read_yaml(path, EXAMPLES["receivers"]))
    except ValidationError as error:
        raise first_problem(path, error, EXAMPLES) from None
    for receiver in found.receivers:
        _check(path, receiver)
    return found


def _check(path: Path, receiver: Receiver) -> None:
    try:
        receiver.check()
    except BadAddress as error:
        raise BadFile(path, f"receivers.{error.key}", f"{receiver.name}: {error}", error.example) from None


def check_stages(path: Path | None, found: Receivers, calendar: Calendar) -> None:
    """That the stages which the file names are the election's. Raises BadFile."""
    stages = {stage.stage for stage in calendar.election.stages}
    for key, selection in found.selections():
        unknown = next((s for s in selection.stages or () if s not in stages), None)
        if unknown:
            problem = f"{unknown!r} is no stage of {calendar.election.election}; there are {', '.join(sorted(stages))}"
            raise BadFile(path or "receivers", f"{key}.stages", problem, "stages: [quiet_period]")
