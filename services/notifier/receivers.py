"""The receivers file: who is told of what, through which channel. Read once at start; a bad file is one clear line."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator

from services.notifier.notices import Notice
from services.notifier.rules import RULES
from shared.access.keys import EVERYWHERE
from shared.election.durations import Duration
from shared.election.frozen import Frozen
from shared.election.roster import is_within
from shared.events.envelope import SYSTEM
from shared.strict import RegionCode, Slug
from shared.yaml_files import BadFile, first_problem, read_yaml

_SHORTEST_SECRET = 24  # bytes; Standard Webhooks, "Signature scheme"
EXAMPLES = {
    "receivers": (
        "receivers: [{name: desk-provinsi, channel: webhook, url: https://desk.example/hook, secret: whsec_...}]"
    ),
    "max_notice_age": "max_notice_age: 7d",
}


class _Receiver(Frozen):
    """Who: `name`. Of what: `rules` (all if not given) in `regions` (subtrees; all if not given)."""

    name: Slug
    regions: tuple[RegionCode | Literal["*"], ...] = (EVERYWHERE,)
    rules: tuple[str, ...] = RULES

    @model_validator(mode="after")
    def _known_rules(self) -> _Receiver:
        unknown = [r for r in self.rules if r not in RULES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no rule; the rules are {', '.join(RULES)}")
        return self

    def wants(self, notice: Notice) -> bool:
        """Whether this receiver is told of a notice. What concerns the system itself concerns everyone."""
        return notice.rule in self.rules and (notice.region == SYSTEM or self.covers(notice.region))

    def covers(self, region: str) -> bool:
        return any(r == EVERYWHERE or is_within(region, r) for r in self.regions)


class ConsoleReceiver(_Receiver):
    """Lines on the notifier's standard output."""

    channel: Literal["console"]


class WebhookReceiver(_Receiver):
    """A POST signed by Standard Webhooks. `secret` is `whsec_` and base64; `secret_file` names a file that holds it.
    Private addresses are refused unless `allow_private` says otherwise."""

    channel: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    secret: SecretStr | None = None
    secret_file: Path | None = None
    allow_private: bool = False

    @model_validator(mode="after")
    def _one_secret(self) -> WebhookReceiver:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("a webhook needs one of `secret` and `secret_file`")
        return self

    def signing_secret(self) -> str:
        """Raises OSError if the secret's file cannot be read."""
        if self.secret is not None:
            return self.secret.get_secret_value()
        assert self.secret_file is not None
        return self.secret_file.read_text(encoding="utf-8").strip()


Receiver = Annotated[ConsoleReceiver | WebhookReceiver, Field(discriminator="channel")]


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
        if isinstance(receiver, WebhookReceiver):
            _check_secret(path, receiver)
    return found


def _check_secret(path: Path, receiver: WebhookReceiver) -> None:
    try:
        encoded = receiver.signing_secret().removeprefix("whsec_")
        length = len(base64.b64decode(encoded, validate=True))
        problem = None if length >= _SHORTEST_SECRET else f"is of {length} bytes; {_SHORTEST_SECRET} are needed"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except ValueError:
        problem = "is no base64"
    if problem is not None:
        problem = f"the secret of {receiver.name} {problem}"
        raise BadFile(path, "receivers.secret", problem, "secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
