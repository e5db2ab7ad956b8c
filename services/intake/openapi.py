"""What OpenAPI says of the single calls: they read raw bytes, so that FastAPI knows neither their bodies nor their
errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path

from services.intake.examples import EXAMPLES, IN_PATH, PERIOD
from services.intake.problem_samples import samples_of
from services.intake.submissions.body import Body
from shared.election.config import Election
from shared.http.openapi import inlined, keeping_nulls, problem_answer
from shared.strict import SLUG
from shared.topics import REPORTS


def _in_path(description: str, example: str) -> Any:
    """Its pattern is documented, not enforced by FastAPI: the body's reader names what is wrong with it beside what is
    wrong with the rest."""
    return Path(description=description, json_schema_extra={"pattern": SLUG}, examples=[example])


ReportInPath = Annotated[str, _in_path("the id of your report", IN_PATH["withdrawal"]["report"])]
AgencyInPath = Annotated[
    str, _in_path("the agency that reported the incident", IN_PATH["incident_status"]["incident_agency"])
]
IncidentInPath = Annotated[str, _in_path("the incident's id", IN_PATH["incident_status"]["incident_id"])]


def documented(body_type: type[Body], election: Election) -> dict[str, Any]:
    """What a route that takes this body says of itself, as FastAPI's arguments."""
    return {
        "status_code": 202,
        "tags": ["submissions"],
        "responses": answers(body_type),
        "openapi_extra": {
            "requestBody": {"required": True, "content": {"application/json": _content(body_type, election)}},
            "parameters": [_ID_IN_HEADER],
        },
    }


def answers(body_type: type[Body]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: each with examples as they are really answered."""
    examples = {
        name: {"summary": sent["summary"], "value": keeping_nulls(_accepted(body_type, sent["value"]))}
        for name, sent in EXAMPLES[body_type.called].items()
    }
    accepted = {"description": "stored, and counted once", "content": {"application/json": {"examples": examples}}}
    errors: dict[int | str, Any] = {
        status: problem_answer(*said) for status, said in samples_of(body_type.called).items()
    }
    return {202: accepted, **errors}


def _accepted(body_type: type[Body], sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the first sending of an example is answered."""
    return {
        "id": sent["id"],
        "type": body_type.event.type_name(),
        "region": sent["region"],
        "period": PERIOD if body_type.topic is REPORTS else None,
        "duplicate": False,
    }


def _content(body_type: type[Body], election: Election) -> dict[str, Any]:
    """The body without its fields in the path. What is data of the election is listed as it stands there."""
    schema = inlined(body_type.model_json_schema())
    listed = {"category": sorted(election.categories), "item": sorted(election.logistics.items)}
    properties = {k: v for k, v in schema["properties"].items() if k not in body_type.in_path}
    for name in properties.keys() & listed.keys():
        properties[name] = {**properties[name], "enum": listed[name]}
    required = [name for name in schema["required"] if name not in body_type.in_path]
    return {
        "schema": {**schema, "properties": properties, "required": required},
        "examples": dict(EXAMPLES[body_type.called]),
    }


_ID_IN_HEADER: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": SLUG},
    "description": "the event's id, if the body has none; take the same one for every retry",
}
