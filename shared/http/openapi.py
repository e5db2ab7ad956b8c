"""What OpenAPI says of answers that are errors: real problem documents, made by what makes the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

from shared.field_errors import FieldError
from shared.http.problems import MEDIA_TYPE, Problem, document, invalid, problem_headers
from shared.texts import Language


class WrongField(BaseModel):
    field: str = Field(description="the field's path, for example `evidence.0.url`")
    code: str = Field(description="stable, for programs")
    problem: str = Field(description="for people, in the language of `Accept-Language` (`id` or `en`)")


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str = Field(description="stable, for programs", examples=["urn:desk-pilkada:problem:invalid"])
    title: str
    status: int
    detail: str = Field("", description="what to do")
    errors: list[WrongField] = Field([], description="with 422: every wrong field, up to a hundred")


# For the documents alone: services read the key themselves, so that their problems are ours.
NEEDS_KEY = Security(HTTPBearer(auto_error=False, description="your key"))

_LANGUAGES: Mapping[Language, str] = {"id": "Indonesian", "en": "English"}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Content-Language": {"schema": {"type": "string", "enum": ["id", "en"]}, "description": "of title and details"},
    "Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "seconds to wait"},
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "`Bearer`"},
}


@dataclass(frozen=True)
class Sample:
    """A problem that a call answers. `called` is what it is about; `why` says when it comes, if that is not plain."""

    called: str
    problem: Problem
    why: str = ""


# Whatever needs a key may be answered both.
NO_KEY_SAMPLES = (
    Sample("no_key", Problem(401, "unauthorized", "unauthorized_detail")),
    Sample("wrong_key", Problem(401, "unauthorized", "unauthorized_key")),
)


def problem_answer(description: str, samples: Sequence[Sample]) -> dict[str, Any]:
    """The response object of one status: its headers, and each sample in both languages."""
    names = sorted({name for sample in samples for name in problem_headers(sample.problem, "id")} & set(_HEADERS))
    return {
        "description": description,
        "headers": {name: {"required": True, **_HEADERS[name]} for name in names},
        "content": {MEDIA_TYPE: {"schema": _problem_schema(), "examples": dict(_examples(samples))}},
    }


def reading_errors() -> dict[int | str, dict[str, Any]]:
    """The `responses` of routers that show things: every error that any of their calls may answer."""
    return {
        401: problem_answer("no key, or not a valid one", NO_KEY_SAMPLES),
        403: problem_answer(
            "the key may not see this", [Sample("no_role", Problem(403, "forbidden", "forbidden_role", role="viewer"))]
        ),
        404: problem_answer(
            "there is no such thing", [Sample("not_found", Problem(404, "not_found", "not_found_detail", what="x"))]
        ),
        422: problem_answer(
            "wrong parameters, all of them named",
            [Sample("wrong_parameter", invalid([FieldError("limit", "number_too_large", le=1000)]))],
        ),
        503: problem_answer(
            "the database does not answer",
            [Sample("no_database", Problem(503, "unavailable", "unavailable_database"))],
        ),
    }


@cache
def _problem_schema() -> Any:
    return inlined(ProblemDocument.model_json_schema())


def _examples(samples: Sequence[Sample]) -> Iterator[tuple[str, dict[str, Any]]]:
    for sample in samples:
        for lang, word in _LANGUAGES.items():
            shown = {"summary": f"{sample.called}, in {word}", "value": document(sample.problem, lang)}
            yield f"{sample.called}_{lang}", {**shown, "description": sample.why} if sample.why else shown


_NULL = "\0null"
_REFERENCE = f"#/components/schemas/{ProblemDocument.__name__}"


def keeping_nulls(example: Any) -> Any:
    """An example whose nulls FastAPI does not see: it takes all that are null out of its document."""
    return _replaced(example, None, _NULL)


class DocumentedApp(FastAPI):
    """FastAPI, with the nulls of examples in its document, and the schema of problems there once."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            made = _replaced(_replaced(super().openapi(), _NULL, None), _problem_schema(), {"$ref": _REFERENCE})
            made.setdefault("components", {}).setdefault("schemas", {})[ProblemDocument.__name__] = _problem_schema()
            self.openapi_schema = made
        return dict(self.openapi_schema)


def _replaced(part: Any, old: Any, new: Any) -> Any:
    if part == old:
        return new
    if isinstance(part, Mapping):
        return {key: _replaced(inner, old, new) for key, inner in part.items()}
    if isinstance(part, list):
        return [_replaced(inner, old, new) for inner in part]
    return part


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
