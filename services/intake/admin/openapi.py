"""What OpenAPI says of the admin API's routes: bodies with examples, and every answer that is an error."""

from __future__ import annotations

from typing import Any

from services.intake.problem_samples import BAD_BODY, KEY_UNCHECKED, NO_KEY, Samples
from shared.events.envelope import Frozen
from shared.field_errors import FieldError
from shared.http.openapi import Sample, inlined, problem_answer
from shared.http.problems import Problem, invalid


def _refused(status: int, reason: str, **values: Any) -> Sample:
    return Sample(reason, Problem(status, reason, f"{reason}_detail", **values))


_NAME, _OLDER, _NEWER = "kpu-samarinda", "desk_kpu-samarinda_AbC4", "desk_kpu-samarinda_x7Qp"

_ASKED: Samples = {
    **NO_KEY,
    403: (
        "not the key of a person with the role `admin`",
        [Sample("no_role", Problem(403, "forbidden", "forbidden_role", role="admin"))],
    ),
    503: (
        "the database does not answer; try again",
        [KEY_UNCHECKED, Sample("no_database", Problem(503, "unavailable", "unavailable_database"))],
    ),
}
_UNKNOWN_HOLDER = _refused(404, "holder_unknown", name=_NAME)
_TWO_KEYS = _refused(409, "keys_two", name=_NAME, older=_OLDER, newer=_NEWER)


def asking() -> dict[str, Any]:
    """What a route that lists says."""
    wrong = Sample("wrong_parameter", invalid([FieldError("limit", "number_too_large", le=1000)]))
    return {"responses": _answers({**_ASKED, 422: ("wrong parameters, all of them named", [wrong])})}


def adding(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that adds a holder says."""
    return _sending(body_type, {409: ("there already", [_refused(409, "holder_exists", name=_NAME)])}, 201)


def rotating(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that adds a key says."""
    there = {404: ("nobody of that name", [_UNKNOWN_HOLDER]), 409: ("with two keys in force already", [_TWO_KEYS])}
    return _sending(body_type, there, 201)


def revoking(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that ends keys says."""
    no_key = _refused(404, "key_unknown", name=_NAME, known=f"{_OLDER}, {_NEWER}")
    return _sending(body_type, {404: ("nobody of that name, or no such key", [_UNKNOWN_HOLDER, no_key])})


def changing(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that changes rights says."""
    return _sending(body_type, {404: ("nobody of that name", [_UNKNOWN_HOLDER])})


def _sending(body_type: Any, own: Samples, status: int = 200) -> dict[str, Any]:
    fields = ", ".join(body_type.model_fields)
    wrong = Sample("unknown_field", invalid([FieldError("wilayah", "extra_forbidden", known=fields)]))
    schema = inlined(body_type.model_json_schema())
    content = {"application/json": {"schema": schema, "examples": dict(body_type.examples)}}
    return {
        "status_code": status,
        "responses": _answers({**_ASKED, **BAD_BODY, 422: ("wrong fields, all of them named", [wrong]), **own}),
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def _answers(samples: Samples) -> dict[int | str, dict[str, Any]]:
    return {status: problem_answer(*said) for status, said in sorted(samples.items())}
