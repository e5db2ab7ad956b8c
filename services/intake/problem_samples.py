"""The problems that a call may answer, one of each sort, for the OpenAPI document. A test provokes them all and
compares. What several sorts of calls answer alike (single ones, batches, administration) stands here once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.field_errors import FieldError, Word
from shared.http.openapi import BAD_BODY, NO_KEY_SAMPLES, Sample
from shared.http.problems import Problem, invalid


@dataclass(frozen=True)
class WrongBody:
    """A body with mistakes, sent on 25 November 2024, and what is wrong with it, in the order of the answer."""

    body: Mapping[str, Any]
    errors: tuple[FieldError, ...]


_NEAR_64_99 = "64.09 (Kabupaten Penajam Paser Utara), 64.74 (Kota Bontang), 64.72 (Kota Samarinda)"

WRONG_BODIES: Mapping[str, WrongBody] = {
    "report": WrongBody(
        {"region": "64.99", "condition": "fine", "summary": " ", "period": "2024-11-19"},
        (
            FieldError("region", "region_unknown", nearest=_NEAR_64_99),
            FieldError("condition", "enum", expected="normal, attention, critical"),
            FieldError("summary", "text_blank"),
            FieldError("period", "period_weekday", weekday=Word("monday"), before="2024-11-18", after="2024-11-25"),
        ),
    ),
    "withdrawal": WrongBody({"region": "64.72"}, (FieldError("reason", "missing"),)),
    "incident": WrongBody(
        {
            "region": "64.72.01",
            "category": "money_politic",
            "occurred_at": "2024-11-25T07:30:00",
            "description": "Amplop dibagikan.",
            "evidence": [{"url": "foto.jpg"}],
        },
        (
            FieldError("category", "category_unknown", nearest="money_politics, identity_politics"),
            FieldError("occurred_at", "timezone_aware"),
            FieldError("evidence.0.url", "address_syntax"),
        ),
    ),
    "incident_status": WrongBody(
        {"region": "64.72.01", "status": "done"},
        (FieldError("status", "enum", expected="verified, dismissed, forwarded, resolved"),),
    ),
    "logistics": WrongBody(
        {
            "region": "64.11",
            "item": "ballotbox",
            "required": "296",
            "received": -1,
            "as_of": "2024-12-24T16:00:00+08:00",
        },
        (
            FieldError("item", "item_unknown", nearest="ballot_boxes, ballots"),
            FieldError("required", "type_whole"),
            FieldError("received", "number_too_small", ge=0),
            FieldError("as_of", "occurred_future"),
        ),
    ),
}


Samples = Mapping[int, tuple[str, Sequence[Sample]]]  # status -> its meaning and its samples


def samples_of(kind: str) -> Samples:
    """Those of the call of a kind."""
    wrong = WRONG_BODIES[kind]
    sample = Sample("wrong_fields", invalid(wrong.errors), f"The answer to `{json.dumps(wrong.body)}`")
    meaning, unavailable = _OF_ALL_KINDS[503]
    more = [_REPORT_UNSEEN] if kind in _MEANING_REPORTS else []
    conflict = Problem(409, "conflict", _CONFLICTS.get(kind, "conflict_detail"), id="samarinda-2024-11-18")
    return {
        **_OF_ALL_KINDS,
        409: ("this id was accepted with other content", [Sample("conflict", conflict)]),
        422: ("wrong fields, all of them named", [sample]),
        503: (meaning, [*unavailable, *more]),
    }


NO_KEY: Samples = {
    401: ("no key, or not a valid one", NO_KEY_SAMPLES),
}
KEY_UNCHECKED = Sample(
    "key_unchecked",
    Problem(503, "unavailable", "unavailable_access"),
    "a key that was not seen lately, while the database is away",
)
_CONFLICTS = {"report": "conflict_report"}  # a report can be corrected by another one
_MEANING_REPORTS = ("report", "withdrawal")
_REPORT_UNSEEN = Sample(
    "report_unseen",
    Problem(503, "unavailable", "unavailable_report_meant", id="samarinda-2024-11-18"),
    "which Monday a report was for that is corrected or withdrawn, while the database is away",
)
_OF_ALL_KINDS: Samples = {
    **NO_KEY,
    **BAD_BODY,
    403: (
        "the key may not send this kind for this region",
        [
            Sample(
                "out_of_scope",
                Problem(
                    403, "forbidden", "forbidden_send", name="kpu-bontang", kind=Word("right_reports"), region="64.72"
                ),
            ),
            Sample("a_persons_key", Problem(403, "forbidden", "forbidden_person", name="siti")),
        ],
    ),
    429: (
        "your agency sends too much; nobody else is slowed down by it",
        [
            Sample(
                "too_many_a_minute",
                Problem(429, "too_many_requests", "too_many_a_minute", retry_after_s=42, limit=600, seconds=42),
            ),
            Sample("too_many_at_once", Problem(429, "too_many_requests", "too_many_at_once", retry_after_s=1)),
        ],
    ),
    503: (
        "not confirmed as stored, perhaps stored all the same; send again with the same id",
        [
            Sample(
                "not_confirmed",
                Problem(503, "unavailable", "unavailable_publish", id="samarinda-2024-11-18"),
                "Kafka did not confirm in time",
            ),
            Sample(
                "same_id_under_way",
                Problem(503, "unavailable", "unavailable_same_id", retry_after_s=1, id="samarinda-2024-11-18"),
                "another content under this id is on its way",
            ),
            Sample("busy", Problem(503, "unavailable", "unavailable_busy"), "too much is waiting"),
            KEY_UNCHECKED,
        ],
    ),
}
