"""The notifier's HTTP side of proof of notice: as a list and as a spreadsheet. For people's keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.notifier.notices.notice_records import SEPARATORS, csv_lines, record, row
from services.notifier.notices.notice_store import NoticeStore
from services.notifier.queries import NoticesExport, NoticesQuery
from shared.access.store import AccessStore
from shared.election.calendar import Calendar
from shared.field_errors import FieldError
from shared.http.auth import for_people
from shared.http.auth_header import language
from shared.http.openapi import NEEDS_KEY, reading_errors
from shared.http.parameters import once_each
from shared.http.problems import invalid
from shared.http.service import json_response
from shared.mongo import Document

_CSV = "text/csv"
_AT_A_TIME = 500
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "a spreadsheet", "content": {_CSV: {"schema": {"type": "string"}}}}
}


def routes(calendar: Calendar, store: NoticeStore, access: AccessStore) -> APIRouter:
    router = APIRouter(
        prefix="/v1",
        tags=["notices"],
        dependencies=[NEEDS_KEY, for_people(access), once_each()],
        responses=reading_errors(),
    )

    @router.get("/notices")
    async def list_notices(query: Annotated[NoticesQuery, Query()]) -> Response:
        """Who was told what when, by which attempt; who was not, and why. In the order of what happened; `region`
        takes in everything below it."""
        found = await store.listed(query.to_mongo(), _after(query.after), query.limit + 1)
        return json_response(query.of([_record(d, calendar) for d in found], _cursor))

    @router.get("/notices.csv", response_class=Response, responses=_EXPORTED)
    async def export(request: Request, query: Annotated[NoticesExport, Query()]) -> Response:
        """All of it as a spreadsheet, in the language of `Accept-Language`, with times in each region's zone."""
        wanted, separator, lang = query.to_mongo(), SEPARATORS[query.separator], language(request)

        def lines(found: list[Document], *, has_header: bool) -> bytes:
            rows = (
                row(shown, calendar.roster.name(shown["region"]), calendar.zone(shown["region"]), lang)
                for shown in (_record(delivery, calendar) for delivery in found)
            )
            return csv_lines(rows, separator, has_header=has_header)

        async def pieces(found: list[Document]) -> AsyncIterator[bytes]:
            yield lines(found, has_header=True)
            while len(found) == _AT_A_TIME:
                last = found[-1]
                found = await store.listed(wanted, (last["payload"]["timestamp"], last["_id"]), _AT_A_TIME)
                yield lines(found, has_header=False)

        first = await store.listed(wanted, None, _AT_A_TIME)  # a database that is away is a 503, not half a file
        named = {"Content-Disposition": 'attachment; filename="notices.csv"'}
        return StreamingResponse(pieces(first), media_type=f"{_CSV}; charset=utf-8", headers=named)

    return router


def _record(delivery: Document, calendar: Calendar) -> Document:
    return record(delivery, calendar.zone(delivery["payload"]["data"]["region"]))


def _cursor(shown: Document) -> str:
    return f"{shown['at'].isoformat()} {shown['id']}"


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    """Raises Problem 422 for a cursor that is not ours."""
    if cursor is None:
        return None
    moment, _, delivery_id = cursor.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise invalid([FieldError("cursor", "cursor")]) from None
    if at.tzinfo is None:
        raise invalid([FieldError("cursor", "cursor")])
    return at, delivery_id
