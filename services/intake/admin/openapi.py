"""What OpenAPI says of the admin API's routes: bodies and answers with examples, and every answer that is an error."""

from __future__ import annotations

from typing import Any

from services.intake.admin import bodies, samples
from services.intake.admin.kinds import HolderKind
from services.intake.problem_samples import KEY_UNCHECKED, NO_KEY, Samples
from shared.field_errors import FieldError
from shared.http.openapi import BAD_BODY, Sample, inlined, problem_answer
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


def asking(kind: HolderKind) -> dict[str, Any]:
    """What a route that lists says."""
    wrong = Sample("wrong_parameter", invalid([FieldError("limit", "number_too_large", le=1000)]))
    refused = {**_ASKED, 422: ("wrong parameters, all of them named", [wrong])}
    return {"responses": {200: _answered("in pages", samples.listed(kind)), **_answers(refused)}}


def adding(kind: HolderKind) -> dict[str, Any]:
    """What a route that adds a holder says."""
    there = {409: ("there already", [_refused(409, "holder_exists", name=_NAME)])}
    return _sending(kind.add, there, 201, _answered("with the key, this once", samples.added(kind)))


def rotating(kind: HolderKind) -> dict[str, Any]:
    """What a route that adds a key says."""
    there = {404: ("nobody of that name", [_UNKNOWN_HOLDER]), 409: ("with two keys in force already", [_TWO_KEYS])}
    return _sending(bodies.Rotate, there, 201, _answered("with the new key, this once", samples.rotated(kind)))


def revoking(kind: HolderKind) -> dict[str, Any]:
    """What a route that ends keys says."""
    no_key = _refused(404, "key_unknown", name=_NAME, known=f"{_OLDER}, {_NEWER}")
    there = {404: ("nobody of that name, or no such key", [_UNKNOWN_HOLDER, no_key])}
    return _sending(bodies.Revoke, there, 200, _answered("and what this ended", samples.after_revocation(kind)))


def changing(kind: HolderKind) -> dict[str, Any]:
    """What a route that changes rights says."""
    there = {404: ("nobody of that name", [_UNKNOWN_HOLDER])}
    return _sending(kind.change, there, 200, _answered("with the rights as they are now", samples.changed(kind)))


def _answered(description: str, example: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"examples": {"done": {"value": example}}}}}


def _sending(body_type: Any, own: Samples, status: int, done: dict[str, Any]) -> dict[str, Any]:
    fields = ", ".join(body_type.model_fields)
    wrong = Sample("unknown_field", invalid([FieldError("wilayah", "extra_forbidden", known=fields)]))
    schema = inlined(body_type.model_json_schema())
    content = {"application/json": {"schema": schema, "examples": dict(body_type.examples)}}
    return {
        "status_code": status,
        "responses": {
            status: done,
            **_answers({**_ASKED, **BAD_BODY, 422: ("wrong fields, all of them named", [wrong]), **own}),
        },
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
    }


def _answers(refused: Samples) -> dict[int | str, dict[str, Any]]:
    return {status: problem_answer(*said) for status, said in sorted(refused.items())}
