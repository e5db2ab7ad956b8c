"""What OpenAPI says of the admin API's routes: bodies with examples, and every answer that is an error."""

from __future__ import annotations

import functools
from typing import Any

from services.intake.openapi import ProblemDocument, inlined
from shared.events.envelope import Frozen
from shared.http.problems import MEDIA_TYPE

_ASKED = {
    401: "no key, or not a valid one",
    403: "not the key of a person with the role `admin`",
    422: "wrong fields or parameters, all of them named",
    503: "the database does not answer; try again",
}
_SENT = {
    408: "the body came too slowly",
    413: "the body is too large",
    415: "not `application/json`, or compressed",
}
_THERE = {404: "nobody of that name, or no such key"}
_CONFLICT = {409: "there already, or with two keys in force already"}


def asking() -> dict[str, Any]:
    """What a route that lists says."""
    return {"responses": _answers(_ASKED)}


def adding(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that adds a holder says."""
    return {"status_code": 201, "responses": _answers(_ASKED | _SENT | _CONFLICT), "openapi_extra": _body(body_type)}


def rotating(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that adds a key says."""
    answers = _answers(_ASKED | _SENT | _THERE | _CONFLICT)
    return {"status_code": 201, "responses": answers, "openapi_extra": _body(body_type)}


def changing(body_type: type[Frozen]) -> dict[str, Any]:
    """What a route that changes or revokes says."""
    return {"responses": _answers(_ASKED | _SENT | _THERE), "openapi_extra": _body(body_type)}


def _body(body_type: Any) -> dict[str, Any]:
    schema = inlined(body_type.model_json_schema())
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "examples": dict(body_type.examples)}},
        }
    }


@functools.cache
def _problem() -> Any:
    return inlined(ProblemDocument.model_json_schema())


def _answers(texts: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": _problem()}}
    answers: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": content} for status, text in sorted(texts.items())
    }
    seconds = {"schema": {"type": "integer"}, "description": "seconds"}
    answers[503] = {**answers[503], "headers": {"Retry-After": seconds}}
    return answers
