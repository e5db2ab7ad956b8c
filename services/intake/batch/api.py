"""`POST /v1/batch` and `GET /v1/templates/{kind}.csv`."""

from __future__ import annotations

import asyncio
import functools
import re
from contextlib import AbstractContextManager, ExitStack
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from services.intake.api import Options, header_id
from services.intake.batch.csv_rows import CsvRows
from services.intake.batch.lines import Format
from services.intake.batch.ndjson import Ndjson
from services.intake.batch.openapi import (
    CSV,
    LONGEST_PREFIX,
    NDJSON,
    RESULTS,
    batch_answers,
    batch_body,
    template_answers,
)
from services.intake.batch.results import Results
from services.intake.batch.taking import Taking
from services.intake.batch.templates import template
from services.intake.batch.turns import Turns
from services.intake.batch.upload import Upload, UploadLimits
from services.intake.batch.window import ANY_KIND, Order
from services.intake.door.door import Door, Sender
from services.intake.submissions import KINDS
from services.intake.submissions.lines import kind_named
from shared.field_errors import FieldError
from shared.http.auth import grant_of
from shared.http.auth_header import language
from shared.http.openapi import NEEDS_KEY
from shared.http.parameters import once_each, require_once_each
from shared.http.problems import Problem, invalid
from shared.http.raw_body import media_type
from shared.logs import get_logger
from shared.strict import SLUG

log = get_logger(__name__)

_READING_S = 120.0  # for the results that are left when the last line is taken


class BatchOptions(Options):
    kind: Literal["report", "withdrawal", "incident", "incident_status", "logistics"] | None = Field(
        None, description="of all lines; they may leave out theirs"
    )


class TemplateOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    example: bool = Field(False, description="with one line of an example; take it out before sending")
    separator: Literal["semicolon", "comma"] = Field("semicolon", description="`comma` for an English spreadsheet")


# Documented, not enforced by FastAPI: another kind is not found, and the answer names them.
KindInPath = Annotated[str, Path(json_schema_extra={"enum": list(KINDS)}, examples=["report"])]


class BatchAnswer(Response):
    """Sends results while lines are still coming in; whoever reads late, or not at all, stops nothing."""

    media_type = RESULTS

    def __init__(self, taking: Taking, results: Results, held: AbstractContextManager[object], lang: str) -> None:
        super().__init__(headers={"Content-Language": lang, "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._taking, self._results, self._held = taking, results, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            sending = asyncio.create_task(self._send(send))
            try:
                await self._taking.run()
                async with asyncio.timeout(_READING_S):
                    await sending
            except TimeoutError:
                log.warning("batch_unread")
            finally:
                sending.cancel()
                await asyncio.wait([sending])

    async def _send(self, send: Send) -> None:
        """The head goes with the first result: a client that waits for `100 Continue` gets that first."""
        first = await self._results.next()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while first is not None:
            await send({"type": "http.response.body", "body": first, "more_body": True})
            first = await self._results.next()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _format(request: Request, door: Door, kind: str | None) -> Format:
    """Raises Problem 415."""
    found = media_type(request)
    if found in NDJSON:
        return Ndjson(door.body_limit_bytes, kind)
    if found == CSV:
        return CsvRows(door.body_limit_bytes, kind)
    raise Problem(415, "unsupported_media_type", "batch_media_type")


def _upload(request: Request, limits: UploadLimits) -> Upload:
    """Raises Problem 413 for what is announced as too large."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:20]) > limits.most_bytes:
        raise Problem(413, "too_large", "too_large_detail", limit=limits.most_bytes)
    return Upload(request.receive, limits)


def _id_prefix(request: Request) -> str | None:
    """The header Idempotency-Key. Raises Problem 422 for one that would make no ids."""
    prefix = header_id(request)
    if prefix is not None and not (re.fullmatch(SLUG, prefix) and len(prefix) <= LONGEST_PREFIX):
        raise invalid([FieldError("Idempotency-Key", "slug", most=LONGEST_PREFIX)])
    return prefix


async def _agency_of(request: Request, door: Door, sender: Sender) -> str:
    """Raises Problem 401, 403, 429, 503."""
    grant = await door.let_in(request, sender)
    if grant.agency is None:
        raise Problem(403, "forbidden", "forbidden_person", name=grant.name)
    return grant.agency


def routes(door: Door, limits: UploadLimits) -> APIRouter:
    """The routes of batches."""
    router = APIRouter(prefix="/v1", tags=["batches"])
    turns = Turns(door.metrics)

    @router.post(
        "/batch",
        response_class=Response,
        responses=batch_answers(),
        openapi_extra=batch_body(),
        dependencies=[NEEDS_KEY],
    )
    async def post_batch(request: Request, options: Annotated[BatchOptions, Query()]) -> Response:
        """Send many submissions, each line as one of the bodies of the single calls with its `kind`.

        Each line is answered as its own call would have been, in order, and a bad line never spoils a good one. A
        batch means the same as its lines sent one after the other. Send while you read, or everything first.
        """
        with door.counting_refusals(ANY_KIND) as sender, ExitStack() as held:
            require_once_each(request)
            agency = await _agency_of(request, door, sender)
            held.enter_context(turns.batch(agency))
            lines = _format(request, door, options.kind)
            upload = _upload(request, limits)
            rights = functools.partial(grant_of, request, door.access)
            order = Order(agency, rights, _id_prefix(request), options.dry_run, language(request))
            results = Results()
            taking = Taking(door, lines, upload, results, turns, order)
            await taking.begin()
            return BatchAnswer(taking, results, held.pop_all(), order.language)

    @router.get(
        "/templates/{kind}.csv", response_class=Response, responses=template_answers(), dependencies=[once_each()]
    )
    async def get_template(kind: KindInPath, options: Annotated[TemplateOptions, Query()]) -> Response:
        """A spreadsheet to fill in, with the columns of a kind. No key is needed."""
        known = kind_named(kind)
        if known is None:
            raise Problem(404, "not_found", "not_found_template", kinds=", ".join(KINDS))
        content = template(known, options.separator, options.example)
        named = {"Content-Disposition": f'attachment; filename="desk-{known}.csv"'}
        return Response(content, media_type="text/csv; charset=utf-8", headers=named)

    return router
