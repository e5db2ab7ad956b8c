"""The envelope of every event: CloudEvents 1.0 in structured JSON mode, and the identity of an event.

The identity is (source, id): an agency's id is its own, another agency's equal id is another event.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.strict import Instant, RegionCode, Sha256

AGENCIES = "/agencies/"
NOTIFIER = "/notifier"
SYSTEM: Literal["system"] = "system"  # instead of a region: what concerns the system itself

_set = object.__setattr__  # these values are frozen


class Frozen(BaseModel):
    """Values are frozen and strict; an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    # Every field in the model's order, with its default: what `of_checked` fills in.
    _blank: ClassVar[dict[str, Any]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._blank = {name: field.get_default() for name, field in cls.model_fields.items()}

    @classmethod
    def of_checked(cls, **fields: Any) -> Self:
        """One of values that have been checked already; nothing is looked at again. As `model_construct`, which works
        out names and defaults anew for each (5 us, here 1)."""
        made = cls.__new__(cls)
        _set(made, "__dict__", {**cls._blank, **fields})
        _set(made, "__pydantic_fields_set__", set(fields))
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made


class Envelope(Frozen):
    """What all events share. Subclasses fix `type` and `data`.

    `subject` is the region's code (or `system`), `time` when it happened, `receivedat` when intake took it (both
    with offset). `contenthash` is the SHA-256 of what the sender said, without what intake derived from the hour of
    receipt: it tells a retry (same hash) from a conflict (other hash) under the same identity.
    """

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    source: Annotated[str, StringConstraints(pattern=r"^(/agencies/[A-Za-z0-9._-]{1,64}|/notifier)$")]
    subject: RegionCode | Literal["system"]
    time: Instant
    receivedat: Instant
    contenthash: Sha256
    datacontenttype: Literal["application/json"] = "application/json"
    type: str

    @classmethod
    def type_name(cls) -> str:
        """The one type of a subclass's events."""
        return str(cls._blank["type"])

    @property
    def agency(self) -> str:
        """The agency's slug; `notifier` for the notifier's own events."""
        return self.source.removeprefix(AGENCIES).removeprefix("/")

    @property
    def period(self) -> date | None:
        """The period that it concerns; None for what belongs to none."""
        return None

    @property
    def identity(self) -> str:
        """The deduplication key: unique per (source, id), since a source holds no further slash."""
        return f"{self.source}/{self.id}"


def identity_of(agency: str, event_id: str) -> str:
    """The identity of an agency's event."""
    return f"{AGENCIES}{agency}/{event_id}"


class Dated(Frozen):
    """A helper for events that carry a history: who did what when, and why."""

    at: Instant
    by: str
    what: str
    why: str = ""
