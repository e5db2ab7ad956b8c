"""Errors as `application/problem+json` (RFC 9457), in Indonesian or English, every wrong field named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.field_errors import MOST_ERRORS, said
from shared.field_errors import FieldError as FieldError
from shared.field_errors import field_errors as field_errors
from shared.http.auth_header import language
from shared.logs import get_logger
from shared.mongo import DatabaseError, in_words
from shared.strict_text import clean_for_display
from shared.texts import Language, text
from shared.tracing.places import trace_id

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
_DETAIL = {404: "not_found_address", 405: "method_not_allowed_detail"}
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_COME_BACK = (429, 503)  # are never answered without `Retry-After`
RETRY_AFTER_S = 5  # unless whoever refuses knows better


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
        if retry_after_s is None and status in _COME_BACK:
            retry_after_s = RETRY_AFTER_S
        self.status, self.title, self.detail = status, title, detail
        self.errors, self.retry_after_s, self.values = tuple(errors), retry_after_s, values


def document(problem: Problem, lang: Language) -> dict[str, Any]:
    """The problem as RFC 9457 has it."""
    body: dict[str, Any] = {
        "type": f"urn:desk-pilkada:problem:{problem.title}",
        "title": text("problems", problem.title, lang),
        "status": problem.status,
    }
    if problem.detail is not None:
        body["detail"] = _detail(problem.detail, problem.values, lang)
    if problem.errors:
        body["errors"] = [e.to_json(lang) for e in problem.errors]
    return body


def _detail(key: str, values: Mapping[str, object], lang: Language) -> str:
    return text("problems", key, lang, **{name: said(value, lang) for name, value in values.items()})


def render(problem: Problem, lang: Language, more: Mapping[str, str] | None = None) -> Response:
    """The problem as a response, with `more` headers."""
    headers = {**problem_headers(problem, lang), **(more or {})}
    return Response(orjson.dumps(document(problem, lang)), problem.status, headers, MEDIA_TYPE)


def problem_headers(problem: Problem, lang: Language) -> dict[str, str]:
    # A 404 may be kept otherwise (RFC 9110, 15.1), and what is not there yet comes a moment later.
    headers: dict[str, str] = {"Content-Language": lang, "Cache-Control": "no-store"}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status == 408:  # RFC 9110, 15.5.9: the rest of the body is not waited for
        headers["Connection"] = "close"
    return headers


def invalid(errors: Sequence[FieldError], status: int = 422) -> Problem:
    return Problem(status, "invalid", "invalid_detail", errors=errors)


def unexpected(error: Exception, path: str) -> Problem:
    """What a defect of ours is answered; it is logged."""
    log.error("unexpected", path=path, exc_info=error)
    return Problem(500, "internal", "internal_detail", trace=trace_id())


def install(app: FastAPI) -> None:
    """Every error of an app leaves as a problem; the unexpected ones are logged with their trace id."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return render(problem, language(request))

    @app.exception_handler(RequestValidationError)
    async def _parameters(request: Request, error: RequestValidationError) -> Response:
        return render(invalid([_parameter(e) for e in error.errors()[:MOST_ERRORS]]), language(request))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        title = _BY_STATUS.get(error.status_code, "invalid")
        methods = _methods_at(request) if error.status_code == 405 else ""
        what = clean_for_display(request.url.path)
        problem = Problem(error.status_code, title, _DETAIL.get(error.status_code), what=what, methods=methods)
        more = {"Allow": methods} if methods else error.headers
        return render(problem, language(request), more)

    @app.exception_handler(DatabaseError)
    async def _database(request: Request, error: DatabaseError) -> Response:
        log.warning("database_unavailable", error=in_words(error))
        return render(Problem(503, "unavailable", "unavailable_database"), language(request))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        problem = unexpected(error, request.url.path)
        return render(problem, language(request), {"X-Request-Id": trace_id()})


def _methods_at(request: Request) -> str:
    """All methods that the address takes. (Each is asked for: the router names those of one route, each method has a
    route, and an included router names none.)"""
    scopes = [{**request.scope, "method": method} for method in _METHODS]
    return ", ".join(s["method"] for s in scopes if any(r.matches(s)[0] is Match.FULL for r in request.app.routes))


def _parameter(error: Mapping[str, Any]) -> FieldError:
    """A wrong parameter of the path or the query, in our words where we have some. Of a list, too, the parameter is
    named, not its place in the list."""
    (found,) = field_errors([{**error, "loc": error["loc"][1:2]}], ())
    if found.reason == "extra_forbidden":
        return FieldError(found.field, "parameter_unknown")
    return FieldError(found.field, "parameter", problem=error["msg"]) if found.reason == "other" else found
