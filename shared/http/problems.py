"""Errors as `application/problem+json` (RFC 9457), in Indonesian or English, every wrong field named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from shared.http.auth_header import language
from shared.logs import get_logger, trace_id
from shared.mongo import DatabaseError
from shared.texts import Language, catalogue, text

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


class FieldError(Exception):
    """One wrong field: where, and a key of problems.yaml with its values."""

    def __init__(self, field: str, reason: str, **values: object) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.values = field, reason, values

    def to_json(self, lang: Language) -> dict[str, str]:
        return {
            "field": self.field,
            "code": self.reason,
            "problem": text("problems", self.reason, lang, **self.values),
        }


class Problem(Exception):
    """An answer that is an error. `title` and `detail` are keys of problems.yaml."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_s: int | None = None,
        **values: object,
    ) -> None:
        super().__init__(f"{status} {title}")
        self.status, self.title, self.detail = status, title, detail
        self.errors, self.retry_after_s, self.values = tuple(errors), retry_after_s, values


def render(problem: Problem, lang: Language) -> Response:
    """The problem as a response."""
    body: dict[str, Any] = {
        "type": f"urn:desk-pilkada:problem:{problem.title}",
        "title": text("problems", problem.title, lang),
        "status": problem.status,
    }
    if problem.detail is not None:
        body["detail"] = text("problems", problem.detail, lang, **problem.values)
    if problem.errors:
        body["errors"] = [e.to_json(lang) for e in problem.errors]
    headers: dict[str, str] = {"Content-Language": lang}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), problem.status, headers, MEDIA_TYPE)


def invalid(errors: Sequence[FieldError], status: int = 422) -> Problem:
    return Problem(status, "invalid", "invalid_detail", errors=errors)


def field_errors(found: Iterable[ErrorDetails | Mapping[str, Any]], known: Iterable[str]) -> list[FieldError]:
    """pydantic's errors as ours, with reasons that say what to do."""
    return [_field_error(e, ", ".join(known)) for e in found]


_DATE_TYPES = {"date_from_datetime_parsing", "date_parsing", "date_type", "date_from_datetime_inexact"}
_TIME_TYPES = {"datetime_parsing", "datetime_type", "datetime_from_date_parsing", "datetime_object_invalid"}


def _field_error(error: ErrorDetails | Mapping[str, Any], known: str) -> FieldError:
    field = ".".join(str(part) for part in error["loc"]) or "body"
    kind, context = error["type"], error.get("ctx") or {}
    if kind in ("missing", "text_blank", "text_characters", "time_far_off", "timezone_aware"):
        return FieldError(field, kind, **context)
    if kind == "extra_forbidden":
        return FieldError(field, kind, known=known)
    if kind in ("enum", "literal_error"):
        return FieldError(field, "enum", expected=context.get("expected", ""))
    if kind in _TIME_TYPES:
        return FieldError(field, "time_syntax")
    if kind in _DATE_TYPES:
        return FieldError(field, "date_syntax")
    if kind == "string_pattern_mismatch" and "region" in field:
        return FieldError(field, "region_syntax")
    if kind == "string_pattern_mismatch" and "A-Za-z0-9" in str(context.get("pattern")):
        return FieldError(field, "slug")
    return FieldError(field, "other", problem=error["msg"])


def install(app: FastAPI) -> None:
    """Every error of an app leaves as a problem; the unexpected ones are logged with their trace id."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return render(problem, language(request))

    @app.exception_handler(RequestValidationError)
    async def _parameters(request: Request, error: RequestValidationError) -> Response:
        errors = [FieldError(str(e["loc"][-1]), "parameter", problem=e["msg"]) for e in error.errors()]
        return render(invalid(errors), language(request))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        title = _BY_STATUS.get(error.status_code, "invalid")
        detail = "not_found_detail" if title == "not_found" else None
        return render(Problem(error.status_code, title, detail, what=request.url.path), language(request))

    @app.exception_handler(DatabaseError)
    async def _database(request: Request, error: DatabaseError) -> Response:
        log.warning("database_unavailable", error=f"{type(error).__name__}: {error}")
        return render(Problem(503, "unavailable", "unavailable_database", retry_after_s=5), language(request))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        log.error("unexpected", path=request.url.path, exc_info=error)
        return render(Problem(500, "internal", "internal_detail", trace=trace_id.get()), language(request))


def known_reasons() -> frozenset[str]:
    """All keys that a problem or a field error may use."""
    return frozenset(catalogue("problems"))
