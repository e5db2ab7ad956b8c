"""The calls that come by the thousand, past FastAPI's own way to them: it looks for the route, the parameters and the
answer's form anew for each, which was a third of what an event cost (docs/performance.md).

What is done is the same `api.take`. The routes in `api.py` are what the documents show, and take what comes with query
parameters.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from services.intake.api import Options, take
from services.intake.door.door import Door
from services.intake.submissions.body import Body
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.logistics import LogisticsBody
from services.intake.submissions.report import ReportBody

_NO_OPTIONS = Options()


class PlainCall(BaseRoute):
    """`POST` to one address without query parameters."""

    def __init__(self, path: str, door: Door, body_type: type[Body]) -> None:
        self.path, self._door, self._body_type = path, door, body_type

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_ours = scope["type"] == "http" and scope["path"] == self.path and scope["method"] == "POST"
        return (Match.FULL if is_ours and not scope["query_string"] else Match.NONE), {"route": self}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Problem, of which the app makes an answer."""
        accepted = await take(self._door, Request(scope, receive), self._body_type, _NO_OPTIONS)
        await Response(accepted.model_dump_json(), 202, media_type="application/json")(scope, receive, send)


PLAIN_CALLS: Mapping[str, type[Body]] = {
    "/v1/reports": ReportBody,
    "/v1/incidents": IncidentBody,
    "/v1/logistics": LogisticsBody,
}


def plain_calls(door: Door) -> list[PlainCall]:
    """To be asked before all other routes."""
    return [PlainCall(path, door, body_type) for path, body_type in PLAIN_CALLS.items()]
