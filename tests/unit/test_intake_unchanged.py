"""What intake has stored and published before stays what it is: hashes of content, and the bytes of a record."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.examples import EXAMPLES, IN_PATH
from services.intake.submissions import KINDS
from services.intake.submissions.body import Body, read
from services.intake.submissions.checks import Receipt
from shared.election.loaded import load_calendar
from shared.events.codec import content_hash, encode
from shared.events.envelope import Envelope

KALTIM = Path(__file__).resolve().parents[2] / "deploy" / "elections" / "kaltim-2024.yaml"
NOW = datetime(2024, 11, 26, 2, tzinfo=UTC)
RECEIPT = Receipt(load_calendar(KALTIM, None, None), NOW)
HASHES = [
    ("report", "normal", "aff939fc9ccd4c82ef04b0da4622a185963d28fc79e16f150054c46b54333ad4"),
    ("report", "attention", "7d7436ef08f03c6963bffa93106b8faba21d15aef2b180e595f6e6c9c8679c4f"),
    ("withdrawal", "wrong_region", "652af438f7df1546b05cc3a1cbeb016989eded49280f72fcbff7f6f152943d60"),
    ("withdrawal", "with_period", "288477717425c6b73bf6a04d587d95f1d5a8774966b4cb70647da634057a14ae"),
    ("incident", "quiet_period", "89207935761c8b2591daae4efe65ef8ba2359ee634ddd3fca6dd68f2550445d3"),
    ("incident_status", "forwarded", "9263ffdd98ffc2f94377e471155adcbc594ebd9f61536c69daad7d01b9f29843"),
    ("logistics", "partial", "874efcbfabed1336ee859fad9b07da57bd423ed9cb4bd4bcaa48cf6a48dabc91"),
]

MEANT = Fingerprint(
    "/agencies/desk/samarinda-2024-11-18", "0" * 64, "desk.report.v1", "64.72", date(2024, 11, 18), NOW
)


def example(kind: str, name: str) -> Body:
    sent = EXAMPLES[kind][name]["value"]
    return read(KINDS[kind], json.dumps(sent).encode(), RECEIPT, IN_PATH.get(kind))


@pytest.mark.parametrize(("kind", "name", "digest"), HASHES)
def test_a_retry_after_an_upgrade_is_no_conflict(kind: str, name: str, digest: str) -> None:
    """Fingerprints of years ago are compared with the hash of today."""
    assert content_hash(example(kind, name).said()) == digest


@pytest.mark.parametrize(("kind", "name"), [row[:2] for row in HASHES])
def test_an_event_of_checked_values_is_the_model_s_own(kind: str, name: str) -> None:
    """`of_checked` leaves nothing out that pydantic would put in, and the record's bytes are the same."""
    event: Any = example(kind, name).to_event("desk", "id-1", RECEIPT, None if kind != "withdrawal" else MEANT)
    data = type(event.data).model_construct(**event.data.__dict__)
    whole: Envelope = type(event).model_construct(**{**event.__dict__, "data": data})
    assert event == type(event).model_validate(whole.model_dump(), strict=True)
    assert encode(event) == encode(whole)
