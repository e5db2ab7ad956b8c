"""What OpenAPI says of batches: what a line is, and what each line is answered."""

from __future__ import annotations

import functools
from datetime import date
from typing import Any

import orjson
from pydantic import BaseModel, Field

from services.intake.accepting.offers import Accepted
from services.intake.accepting.places import MiB
from services.intake.batch.columns import COLUMNS
from services.intake.batch.templates import template
from services.intake.examples import EXAMPLES, IN_PATH
from services.intake.problem_samples import KEY_UNCHECKED, NO_KEY, Samples
from services.intake.submissions.lines import LINES
from shared.field_errors import FieldError
from shared.http.openapi import ProblemDocument, Sample, inlined, problem_answer
from shared.http.problems import Problem, document, invalid
from shared.strict import LONGEST_SLUG, SLUG

RESULTS = "application/x-ndjson"
NDJSON = (RESULTS, "application/jsonl", "application/json-lines")
CSV = "text/csv"

# What may be answered before any line is taken.
_BEFORE: Samples = {
    **NO_KEY,
    403: (
        "only agencies send",
        [Sample("a_persons_key", Problem(403, "forbidden", "forbidden_person", name="siti"))],
    ),
    408: (
        "the header line of a CSV file did not come",
        [Sample("nothing_came", Problem(408, "too_slow", "batch_idle", seconds="30", taken=0))],
    ),
    413: (
        "announced as larger than a batch may be",
        [Sample("too_large", Problem(413, "too_large", "too_large_detail", limit=16 * MiB))],
    ),
    415: (
        "neither NDJSON nor CSV, not UTF-8, or compressed",
        [Sample("media_type", Problem(415, "unsupported_media_type", "batch_media_type"))],
    ),
    422: (
        "a parameter, or the header line of a CSV file, is wrong",
        [Sample("wrong_columns", invalid([FieldError("wilayah", "csv_unknown_column", known="kind, id, region")]))],
    ),
    429: (
        "the agency has two batches under way, or has sent too much in this minute",
        [
            Sample("two_already", Problem(429, "too_many_requests", "too_many_batches", limit=2)),
            Sample(
                "too_many_a_minute",
                Problem(429, "too_many_requests", "too_many_a_minute", retry_after_s=42, limit=6000, seconds=42),
            ),
        ],
    ),
    503: (
        "too much is under way",
        [
            Sample("too_many_batches", Problem(503, "unavailable", "unavailable_batches")),
            KEY_UNCHECKED,
        ],
    ),
}

LONGEST_PREFIX = LONGEST_SLUG - len(".123456789")  # of the ids of lines that have none: the line's number follows


class Result(BaseModel):
    """What became of one line. With 202 it is what a single call answers; else there is a `problem`."""

    line: int = Field(description="the line's number in the file, from 1; a CSV file's header line is the first")
    status: int = Field(description="what a call of its own would have answered")
    id: str | None = None
    type: str | None = None
    region: str | None = None
    period: date | None = None
    duplicate: bool | None = None
    retry_after: int | None = Field(None, description="with 429 and 503: seconds")
    problem: ProblemDocument | None = None
    taken: int | None = Field(
        None,
        description="only in the result that ends a batch early (408, 413): how many lines have a result before it; "
        "this line and all after it were not taken",
    )


def _lines(*examples: dict[str, Any]) -> str:
    return "".join(orjson.dumps(example, option=orjson.OPT_APPEND_NEWLINE).decode() for example in examples)


def _line(kind: str) -> dict[str, Any]:
    value = next(iter(EXAMPLES[kind].values()))["value"]
    return {"kind": kind, **value, **IN_PATH.get(kind, {})}


def _results() -> str:
    report = EXAMPLES["report"]["normal"]["value"]
    accepted = Accepted(
        id=report["id"], type="desk.report.v1", region=report["region"], period=date(2024, 11, 18), duplicate=False
    )
    refused = document(invalid([FieldError("region", "region_unknown", nearest="64.72, 64.02")]), "en")
    return _lines({"line": 1, "status": 202, **accepted.model_dump()}, {"line": 2, "status": 422, "problem": refused})


@functools.cache
def batch_body() -> dict[str, Any]:
    """The `openapi_extra` of the route."""
    of_a_line = {"oneOf": [inlined(model.model_json_schema()) for model in LINES.values()]}
    ndjson = {
        "schema": {"description": "one JSON object a line", "x-line-schema": of_a_line},
        "examples": {"all_kinds": {"summary": "A line of each kind", "value": _lines(*map(_line, LINES))}},
    }
    csv = {
        "schema": {"type": "string", "description": "a header line, then a row for each submission"},
        "examples": {
            kind: {
                "summary": f"Rows of the kind {kind}",
                "value": template(kind, "semicolon", True).decode("utf-8-sig"),
            }
            for kind in COLUMNS
        },
    }
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "pattern": SLUG.replace(str(LONGEST_SLUG), str(LONGEST_PREFIX))},
        "description": "names the lines that have no id: `<key>.<line number>`, so that the batch may be sent again",
    }
    content = {**dict.fromkeys(NDJSON, ndjson), CSV: csv}
    return {"requestBody": {"required": True, "content": content}, "parameters": [header]}


@functools.cache
def batch_answers() -> dict[int | str, dict[str, Any]]:
    """The `responses` of the route."""
    of_a_line = inlined(Result.model_json_schema())
    schema = {"type": "string", "description": "one result a line", "x-line-schema": of_a_line}
    results = {"schema": schema, "examples": {"mixed": {"summary": "One good, one bad", "value": _results()}}}
    return {
        200: {"description": "a result for each line, in the order of the lines", "content": {RESULTS: results}},
        **{status: problem_answer(*said) for status, said in _BEFORE.items()},
    }


@functools.cache
def template_answers() -> dict[int | str, dict[str, Any]]:
    """The `responses` of the templates' route."""
    file = {"schema": {"type": "string"}, "example": template("report", "semicolon", False).decode("utf-8-sig")}
    no_kind = Problem(404, "not_found", "not_found_template", kinds=", ".join(LINES))
    unknown = invalid([FieldError("seperator", "parameter_unknown")])
    return {
        200: {"description": "the file", "content": {CSV: file}},
        404: problem_answer("no such kind", [Sample("no_kind", no_kind)]),
        422: problem_answer("a wrong parameter", [Sample("unknown_parameter", unknown)]),
    }
