"""A JSON body as a frozen value: as strict as a submission, every wrong field named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from shared.events.envelope import Frozen
from shared.field_errors import FieldError, field_errors
from shared.http.problems import Problem, invalid
from shared.http.raw_body import read_raw
from shared.settings import Settings
from shared.strict_json import BadJson, parse_json

B = TypeVar("B", bound=Frozen)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, and how long it may take to come."""

    limit_bytes: int
    timeout_s: float

    @classmethod
    def of(cls, settings: Settings) -> BodyLimits:
        return cls(settings.body_limit_bytes, settings.body_timeout_s)


async def read_body(request: Request, body_type: type[B], limits: BodyLimits, context: Any = None) -> B:
    """The request's body. Raises Problem 408, 413, 415; 422 with every wrong field. `context` is for validators."""
    return parse_body(body_type, await read_raw(request, limits.limit_bytes, limits.timeout_s), context)


def parse_body(body_type: type[B], raw: bytes, context: Any = None) -> B:
    """Raises Problem 422."""
    try:
        parse_json(raw)  # its strictness is stricter than pydantic's: keys twice, depth, numbers
        return body_type.model_validate_json(raw, context=context)
    except BadJson as error:
        raise _wrong(FieldError("body", error.reason, **error.details)) from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise invalid(field_errors(found, map(_called, body_type.model_fields.items()))) from None


def _wrong(error: FieldError) -> Problem:
    return invalid([error])


def _called(field: tuple[str, Any]) -> str:
    name, info = field
    return info.alias or name
