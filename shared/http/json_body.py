"""The JSON body of a call, as a frozen value; and what OpenAPI says of a call that takes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from shared.field_errors import FieldError, field_errors
from shared.http.openapi import Sample, inlined, problem_answer
from shared.http.problems import Problem, invalid
from shared.http.raw_body import read_raw
from shared.strict_json import BadJson, parse_json

LIMIT_BYTES = 65_536
TIMEOUT_S = 30.0

B = TypeVar("B", bound=BaseModel)


async def read_json(
    request: Request,
    body_type: type[B],
    context: Any = None,
    *,
    limit_bytes: int = LIMIT_BYTES,
    timeout_s: float = TIMEOUT_S,
) -> B:
    """The body of a call. Raises Problem: 408, 413, 415, or 422 with every wrong field."""
    return parsed(body_type, await read_raw(request, limit_bytes, timeout_s), context)


async def read_json_if_any(request: Request, body_type: type[B], context: Any = None) -> B:
    """As `read_json`; no body at all is one without fields."""
    is_empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    return parsed(body_type, b"{}", context) if is_empty else await read_json(request, body_type, context)


def parsed(body_type: type[B], raw: bytes, context: Any = None) -> B:
    """The body in some bytes. Raises Problem 422 with every wrong field."""
    try:
        parse_json(raw)  # its strictness is stricter than pydantic's: keys twice, depth, numbers
        return body_type.model_validate_json(raw, context=context)
    except BadJson as error:
        raise invalid([FieldError("body", error.reason, **error.details)]) from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise invalid(field_errors(found, [f.alias or name for name, f in body_type.model_fields.items()])) from None


BODY_ERRORS: Mapping[int | str, dict[str, Any]] = {
    408: problem_answer(
        "the body came too slowly; nothing of it is kept",
        [Sample("too_slow", Problem(408, "too_slow", "too_slow_detail", limit=f"{TIMEOUT_S:g}"))],
    ),
    413: problem_answer(
        "the body is too large",
        [Sample("too_large", Problem(413, "too_large", "too_large_detail", limit=LIMIT_BYTES))],
    ),
    415: problem_answer(
        "not `application/json` in UTF-8, or compressed",
        [Sample("media_type", Problem(415, "unsupported_media_type", "unsupported_media_type_detail"))],
    ),
}


def taking(
    body_type: type[BaseModel],
    examples: Mapping[str, Any],
    answers: Mapping[int | str, dict[str, Any]] | None = None,
    *,
    status: int = 200,
    is_required: bool = True,
) -> dict[str, Any]:
    """What a route that takes a body says: for the route's keywords. `answers` are its own errors."""
    content = {"application/json": {"schema": inlined(body_type.model_json_schema()), "examples": dict(examples)}}
    return {
        "status_code": status,
        "responses": {**BODY_ERRORS, **(answers or {})},
        "openapi_extra": {"requestBody": {"required": is_required, "content": content}},
    }
