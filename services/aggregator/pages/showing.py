"""The handlers of the pages that show something: load, put into a template."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from services.aggregator.pages.drawn import Drawn
from services.aggregator.pages.findings import Findings, overview_of
from services.aggregator.pages.key import COOKIE
from services.aggregator.pages.loading import Desk
from services.aggregator.pages.paging import KINDS, place_of, turns_of
from services.aggregator.pages.past import Remembered, history_of
from services.aggregator.pages.signing import Signing
from services.aggregator.pages.words import Words
from services.aggregator.periods.periods import period_shown
from shared.election.config import Level
from shared.election.roster import ancestors_and_self
from shared.http.pages.rendering import Renderer
from shared.http.pages.visitor import Visitor, root_of, visitor_of
from shared.http.problems import Problem
from shared.strict import REGION_CODE

PERIOD = "period"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


async def nothing() -> None:
    """What is not on the page."""


class Showing:
    def __init__(self, desk: Desk, renderer: Renderer, signing: Signing) -> None:
        self._desk, self._renderer, self._signing = desk, renderer, signing
        self._overviews: Drawn[Findings, Markup] = Drawn()
        self._histories: Drawn[Remembered, Markup] = Drawn()
        self._pages: Drawn[Mapping[str, object], bytes] = Drawn()

    async def home(self, request: Request) -> Response:
        """Everything of one period: who has reported, open violations, logistics."""
        visitor = visitor_of(request, COOKIE)
        refused = await self._signing.refused(request, visitor)
        if refused is not None:
            return refused
        words, period = Words(visitor.language), self._period(request)
        found, health = await asyncio.gather(self._desk.findings(period, None), self._desk.status(words, ""))
        return self._page(
            request,
            visitor,
            "home",
            overview=self._overview(request, words, found),
            period=period,
            periods=self._desk.calendar.all_periods(),
            health=health,
            stream="/v1/stream",
        )

    async def region(self, request: Request) -> Response:
        """One region with its history, and what lies below it; of a province the overview, too."""
        visitor = visitor_of(request, COOKIE)
        refused = await self._signing.refused(request, visitor)
        if refused is not None:
            return refused
        code = request.path_params["code"]
        about = await self._desk.find(code) if re.fullmatch(REGION_CODE, code) else None
        if about is None:
            raise Problem(404, "not_found", "not_found_detail", what=request.url.path)
        words, period, roster = Words(visitor.language), self._period(request), self._desk.calendar.roster
        asked = {name: value for name, value in request.query_params.items() if name in (PERIOD, *KINDS)}
        past, found, summary, health = await asyncio.gather(
            self._desk.past(about, place_of(asked)),
            self._desk.findings(period, code) if about.level is Level.PROVINCE else nothing(),
            self._desk.summary(words, code),
            self._desk.status(words, code),
        )
        return self._page(
            request,
            visitor,
            "region",
            about=about,
            name=roster.name(code),
            trail=[(above, roster.name(above)) for above in list(ancestors_and_self(code))[:0:-1]],
            children=[(child.code, roster.name(child.code)) for child in roster.children(code)],
            overview=self._overview(request, words, found) if found else None,
            summary=summary,
            past=self._history(request, words, past, asked),
            period=period,
            periods=self._desk.calendar.all_periods(),
            health=health,
            stream=f"/v1/stream?{urlencode({'region': code})}",
        )

    def _page(self, request: Request, visitor: Visitor, template: str, **shown: object) -> Response:
        """Of parts that may have been drawn before, and then are the same objects."""

        def draw() -> bytes:
            return self._renderer.html(request, visitor.language, template, **shown)

        key = visitor.language, root_of(request), request.url.path, request.url.query
        return self._renderer.answer(visitor, self._pages.of(key, shown, draw))

    def _overview(self, request: Request, words: Words, found: Findings) -> Markup:
        def draw() -> Markup:
            overview = overview_of(words, self._desk.calendar, found)
            return self._renderer.part(request, words.language, "overview", overview=overview, period=found.period)

        return self._overviews.of((words.language, root_of(request), found.period, found.within), found, draw)

    def _history(self, request: Request, words: Words, found: Remembered, asked: Mapping[str, str]) -> Markup:
        def draw() -> Markup:
            history = history_of(words, self._desk.calendar, found)
            turns = {kind: turns_of(asked, kind, history.older[kind]) for kind in KINDS}
            return self._renderer.part(
                request, words.language, "past", about=found.region, history=history, turns=turns
            )

        key = words.language, root_of(request), found.region.code, *asked.items()
        return self._histories.of(key, found, draw)

    def _period(self, request: Request) -> date | None:
        """Raises Problem 404 for what is no day."""
        asked = request.query_params.get(PERIOD)
        if asked is None:
            return period_shown(self._desk.calendar, self._desk.now())
        try:
            if not _DAY.fullmatch(asked):
                raise ValueError(asked)
            return date.fromisoformat(asked)
        except ValueError:
            raise Problem(404, "not_found", "not_found_detail", what=PERIOD) from None
