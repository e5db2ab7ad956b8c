"""What the bodies of all kinds share, and how one is read from bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from ulid import ULID

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.checks import Receipt, known_region, usable_id
from shared.access.keys import Kind
from shared.events.codec import content_hash
from shared.events.envelope import AGENCIES, Envelope, Frozen, identity_of
from shared.field_errors import FieldError, field_errors
from shared.strict import LONGEST_SLUG, SLUG, RegionCode, Slug
from shared.strict_json import BadJson, Outline, parse_json
from shared.topics import Topic

_BLANKS = b" \t\r\n"  # what JSON calls white space
_WITH_KEYS = (dict, tuple)  # what a field holds that has keys of its own; those that were not sent hold neither


class WrongFields(ValueError):
    """The body cannot be taken; `errors` names every wrong field."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


class Body(Frozen):
    """What all bodies share. An optional field may be left out or null. Read one with `read`."""

    called: ClassVar[str]  # `kind` of a line of a batch, a template's name, a metric's label
    event: ClassVar[type[Envelope]]
    topic: ClassVar[Topic]
    # Fields that a single call has in its path, a line of a batch among the others.
    in_path: ClassVar[tuple[str, ...]] = ()

    id: Annotated[Slug, AfterValidator(usable_id)] | None = Field(
        None, description="yours, unique within your agency; take the same one for every retry"
    )
    region: Annotated[RegionCode, AfterValidator(known_region)] = Field(
        description="the region's code: a province's, a regency's or city's, a district's or a village's"
    )

    @classmethod
    def validate_bytes(cls, raw: bytes, receipt: Receipt) -> Self:
        """The body in some bytes, but for the names of its fields: use `read`. Raises ValidationError."""
        return cls.__pydantic_validator__.validate_json(raw, context=receipt)  # type: ignore[no-any-return]

    def right(self, agency: str) -> Kind:
        """The kind that a key of the agency must have to send this."""
        raise NotImplementedError

    def report_meant(self) -> str | None:
        """The id of the agency's own earlier report that this one speaks of; None if of none."""
        return None

    def ids_meant(self) -> frozenset[str]:
        """The ids of other submissions that this one speaks of, in whatever agency."""
        meant = self.report_meant()
        return frozenset() if meant is None else frozenset({meant})

    def spoken_of(self, agency: str, event_id: str) -> list[str]:
        """The identities to look up before the event can be made: of the report that is meant, and of this one itself,
        since what was accepted once is accepted again. None where no report is meant."""
        meant = self.report_meant()
        return [] if meant is None else [identity_of(agency, meant), identity_of(agency, event_id)]

    def default_id(self, agency: str, receipt: Receipt) -> str:
        """The id of one that was sent without."""
        return str(ULID.from_datetime(receipt.received_at))

    def to_event(self, agency: str, event_id: str, receipt: Receipt, meant: Fingerprint | None) -> Envelope:
        """The event to publish. `meant` is what was accepted under the id of `report_meant`, None if nobody knows.
        Raises WrongFields for what only `meant` shows to be wrong."""
        raise NotImplementedError

    def said(self) -> dict[str, Any]:
        """The content as the sender said it: what decides whether two submissions under one id are the same."""
        # Nothing is the same as absent.
        said = {n: v for n, v in self.__dict__.items() if v is not None and (v or v not in ({}, ()))}
        said.pop("id", None)
        said.pop("kind", None)
        said["type"] = self.event.type_name()
        return said

    def envelope(self, agency: str, event_id: str, receipt: Receipt) -> dict[str, Any]:
        """The event's fields that all kinds fill alike. Nothing is validated again: `read` has done it."""
        return {
            "id": event_id,
            "source": f"{AGENCIES}{agency}",
            "subject": self.region,
            "receivedat": receipt.received_at,
            "contenthash": content_hash(self.said()),
        }


B = TypeVar("B", bound=Body)


def read(body_type: type[B], raw: bytes, receipt: Receipt, path: Mapping[str, str] | None = None) -> B:
    """The body in some bytes, its fields in the path put in. Raises WrongFields with every wrong field.

    The bytes are parsed and validated once; only a refusal is looked at a second time, for its reasons. What passes is
    exactly what passes `parse_json` and then the model, with the same result: pydantic is laxer in one point alone,
    keys that stand twice, and those change the count of keys.
    """
    return read_with(body_type.validate_bytes, raw, receipt, body_type, path)


def read_with(
    validate: Callable[[bytes, Receipt], B],
    raw: bytes,
    receipt: Receipt,
    body_type: type[Body] | None = None,
    path: Mapping[str, str] | None = None,
) -> B:
    """As `read`, with a validation of the caller's own. `body_type` has the fields that a sender may write."""
    errors = _header_errors(receipt.header_id) if receipt.header_id is not None else []
    outline = Outline(raw)
    try:
        outline.check()
        body = validate(_with_path(raw, path) if path else raw, receipt)
        if outline.keys != _keys_in(body) - len(path or ()):
            errors.extend(_named_twice(raw, path))
    except BadJson as error:
        errors.append(FieldError("body", error.reason, **error.details))
    except ValidationError as error:
        errors.extend(_reasons(raw, error, body_type, path))
    if errors:
        raise WrongFields(errors)
    return body


def _header_errors(header_id: str) -> list[FieldError]:
    if not re.fullmatch(SLUG, header_id):
        return [FieldError("Idempotency-Key", "slug", most=LONGEST_SLUG)]
    return [] if header_id.strip(".") else [FieldError("Idempotency-Key", "id_dots")]


def _with_path(raw: bytes, path: Mapping[str, str]) -> bytes:
    """The body with the fields of the path put in front: one JSON object exactly if the body is one. Nothing is parsed
    for it."""
    before, brace, after = raw.partition(b"{")
    if not brace or before.strip(_BLANKS):
        return raw
    comma = b"" if after.lstrip(_BLANKS).startswith(b"}") else b","
    return json.dumps(path).encode()[:-1] + comma + after


def _named_twice(raw: bytes, path: Mapping[str, str] | None) -> list[FieldError]:
    """Fields that stand in the path and in the body. Raises BadJson for a key that stands twice in the body: pydantic
    lets the last one win."""
    sent = parse_json(raw)
    return [FieldError(name, "in_path") for name in path or () if name in sent]


def _reasons(
    raw: bytes, error: ValidationError, body_type: type[Body] | None, path: Mapping[str, str] | None
) -> list[FieldError]:
    """All that is wrong: with the JSON, as we take it, and with each field as far as it could be read."""
    fields, in_path = (body_type.model_fields, body_type.in_path) if body_type else ((), ())
    known = [name for name in fields if name not in in_path or path is None]
    try:
        found = _named_twice(raw, path)
    except BadJson as bad:
        found = [FieldError("body", bad.reason, **bad.details)]
    wrong = error.errors(include_url=False, include_input=False)
    if found:  # that it is no JSON or no object has been said better
        wrong = [e for e in wrong if e["loc"]]
    return found + field_errors(wrong, known)


def _keys_in(value: Any) -> int:
    """How many keys a JSON text must have had to become this; with one more it has had one twice."""
    if isinstance(value, BaseModel):
        inner = [part for part in value.__dict__.values() if type(part) in _WITH_KEYS]
        return len(value.model_fields_set) + sum(map(_keys_in, inner))
    if isinstance(value, dict):
        return len(value)
    return sum(map(_keys_in, value)) if isinstance(value, tuple) else 0
