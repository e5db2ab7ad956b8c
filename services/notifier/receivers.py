"""The receivers file: who is told of what. Read once at start; a bad file is one clear line.

How they are reached, channel by channel, is `addresses.py`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from services.notifier.addresses import (
    AlertmanagerAddress,
    AppriseAddress,
    ConsoleAddress,
    EmailAddress,
    WebhookAddress,
)
from services.notifier.credentials import BadAddress
from services.notifier.notices import Notice
from services.notifier.rules import RULES
from shared.access.keys import EVERYWHERE
from shared.election.durations import Duration
from shared.election.frozen import Frozen
from shared.election.roster import is_within
from shared.events.envelope import SYSTEM
from shared.strict import RegionCode
from shared.yaml_files import BadFile, first_problem, read_yaml

EXAMPLES = {
    "receivers": (
        "receivers: [{name: desk-provinsi, channel: webhook, url: https://desk.example/hook, secret: whsec_...}]"
    ),
    "max_notice_age": "max_notice_age: 7d",
}


class _Told(Frozen):
    """Of what: `rules` (all if not given) in `regions` (subtrees; all if not given)."""

    regions: tuple[RegionCode | Literal["*"], ...] = (EVERYWHERE,)
    rules: tuple[str, ...] = RULES

    @model_validator(mode="after")
    def _known_rules(self) -> _Told:
        unknown = [r for r in self.rules if r not in RULES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no rule; the rules are {', '.join(RULES)}")
        return self

    def wants(self, notice: Notice) -> bool:
        """Whether this receiver is told of a notice. What concerns the system itself concerns everyone."""
        return notice.rule in self.rules and (notice.region == SYSTEM or self.covers(notice.region))

    def covers(self, region: str) -> bool:
        return any(r == EVERYWHERE or is_within(region, r) for r in self.regions)


class ConsoleReceiver(ConsoleAddress, _Told):
    pass


class WebhookReceiver(WebhookAddress, _Told):
    pass


class EmailReceiver(EmailAddress, _Told):
    pass


class AppriseReceiver(AppriseAddress, _Told):
    pass


class AlertmanagerReceiver(AlertmanagerAddress, _Told):
    pass


Receiver = Annotated[
    ConsoleReceiver | WebhookReceiver | EmailReceiver | AppriseReceiver | AlertmanagerReceiver,
    Field(discriminator="channel"),
]


class Receivers(Frozen):
    """The whole file. A notice older than `max_notice_age` is stored and not sent: old news wakes nobody."""

    receivers: tuple[Receiver, ...]
    max_notice_age: Duration = timedelta(days=7)

    @field_validator("receivers")
    @classmethod
    def _unique_names(cls, receivers: tuple[Receiver, ...]) -> tuple[Receiver, ...]:
        names = [r.name for r in receivers]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice:
            raise ValueError(f"two receivers are named {twice}")
        return receivers


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
