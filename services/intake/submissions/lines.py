"""A line of a batch, pure: one of the bodies of the single calls, with `kind`. The same models read both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import Field, TypeAdapter, ValidationError, create_model

from services.intake.submissions import KINDS
from services.intake.submissions.body import Body, WrongFields, read, read_with
from services.intake.submissions.checks import Receipt
from shared.field_errors import FieldError
from shared.strict_json import parse_json

# Other words for a kind that we understand as well: those of the calls' paths.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "report": ("reports",),
    "withdrawal": ("withdrawals",),
    "incident": ("incidents",),
    "incident_status": ("status", "statuses"),
}


def _line_of(body_type: type[Body], **default: Any) -> type[Body]:
    words: Any = Literal[(body_type.called, *ALIASES.get(body_type.called, ()))]
    kind = (words, Field(**default, description=f"`{body_type.called}`"))
    return create_model(f"{body_type.__name__}Line", __base__=body_type, __doc__=body_type.__doc__, kind=kind)


LINES: Mapping[str, type[Body]] = {kind: _line_of(body_type) for kind, body_type in KINDS.items()}
_OF_ONE_KIND = {kind: _line_of(body_type, default=kind) for kind, body_type in KINDS.items()}
_union: Any = Annotated[Union[tuple(LINES.values())], Field(discriminator="kind")]  # noqa: UP007 - of a tuple
_OF_ANY_KIND: TypeAdapter[Body] = TypeAdapter(_union)


def kind_named(word: str) -> str | None:
    """The kind that a line means by `kind`; None for a word that we do not know."""
    return next((kind for kind in KINDS if word == kind or word in ALIASES.get(kind, ())), None)


def read_line(raw: bytes, receipt: Receipt, kind: str | None = None) -> Body:
    """The body in a line of JSON; where all lines are of one `kind`, the line may leave it out.

    Raises WrongFields with every wrong field. As in `body.read`, only a refusal is looked at a second time.
    """
    if kind is not None:
        return read(_OF_ONE_KIND[kind], raw, receipt)
    return read_with(_of_any_kind, raw, receipt)


def _of_any_kind(raw: bytes, receipt: Receipt) -> Body:
    """Raises BadJson, ValidationError, WrongFields."""
    try:
        return _OF_ANY_KIND.validate_json(raw, context=receipt)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        if found["loc"]:  # it begins with the union's tag, which is not a field; one kind's own errors have none
            return read(LINES[kind_named(str(found["loc"][0])) or ""], raw, receipt)
        if not found["type"].startswith("union_tag"):
            raise
    sent = parse_json(raw)
    reason = "kind_unknown" if sent.get("kind") is not None else "kind_missing"
    raise WrongFields([FieldError("kind", reason, known=", ".join(KINDS))])
