"""What OpenAPI says of routes that read raw bytes: bodies with examples, and every answer that is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from services.intake.examples import EXAMPLES
from services.intake.submissions.body import Body
from shared.http.problems import MEDIA_TYPE


class WrongField(BaseModel):
    field: str = Field(description="the field's path, for example `evidence.0.url`")
    code: str = Field(description="stable, for programs")
    problem: str = Field(description="for people, in the language of `Accept-Language` (`id` or `en`)")


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:desk-pilkada:problem:invalid"])
    title: str
    status: int
    detail: str | None = None
    errors: list[WrongField] | None = Field(None, description="with 422: every wrong field")


_ERRORS = {
    401: "no key, or not a valid one",
    403: "the key may not send this kind for this region",
    409: "this id was accepted with other content",
    413: "the body is too large",
    415: "not `application/json`, or compressed",
    422: "wrong fields, all of them named",
    503: "not confirmed as stored; send again with the same id",
}


def inlined(schema: Any, definitions: Mapping[str, Any] | None = None) -> Any:
    """A JSON schema without `$defs`: a reference into them would point nowhere inside an OpenAPI document."""
    if isinstance(schema, list):
        return [inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = schema.get("$defs", definitions or {})
    if "$ref" in schema:
        rest = {k: v for k, v in schema.items() if k != "$ref"}
        return {**inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions), **rest}
    return {k: inlined(v, definitions) for k, v in schema.items() if k != "$defs"}


def request_body(body_type: type[Body]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes this body; its fields in the path are not in the body."""
    schema = inlined(body_type.model_json_schema())
    schema["properties"] = {k: v for k, v in schema["properties"].items() if k not in body_type.in_path}
    schema["required"] = [name for name in schema["required"] if name not in body_type.in_path]
    content = {"application/json": {"schema": schema, "examples": dict(EXAMPLES[body_type.called])}}
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string"},
        "description": "the event's id, if the body has none",
    }
    return {"requestBody": {"required": True, "content": content}, "parameters": [header]}


def error_answers() -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route."""
    content = {MEDIA_TYPE: {"schema": inlined(ProblemDocument.model_json_schema())}}
    answers: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": content} for status, text in _ERRORS.items()
    }
    seconds = {"schema": {"type": "integer"}, "description": "seconds"}
    answers[503] = {**answers[503], "headers": {"Retry-After": seconds}}
    return answers
