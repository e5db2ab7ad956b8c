"""Old and new event schemas in one stream, read by replicas of an old and a new version (docs/event-schemas.md).

No event has a second version yet; here `desk.report.v2` is made as the document says: the codec raises what is older,
nobody behind it knows of two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, TypeAdapter

from shared.events import codec
from shared.events.envelope import Envelope, Frozen
from shared.events.report import ReportData, ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.records import Position, Record
from shared.topics import REPORTS
from tests.service.aggregator.conftest import Bench

GOLDEN = Path(__file__).parents[2] / "unit" / "golden"


class SecondData(Frozen):
    """As the first, but what was told is `told`, with who told it."""

    period: Any
    condition: Any
    told: str
    told_by: str


class SecondReport(Envelope):
    type: Literal["desk.report.v2"] = "desk.report.v2"
    data: SecondData


def as_known(event: Any) -> Any:
    """What everybody behind the codec knows: here the first version, with the new field where it has a place."""
    if not isinstance(event, SecondReport):
        return event
    data = {
        "period": event.data.period,
        "condition": event.data.condition,
        "summary": event.data.told,
        "source_office": event.data.told_by,
    }
    fields = event.model_dump(exclude={"type", "data"})
    read = ReportData.model_validate_json(json.dumps(data))
    return ReportEvent(**fields, data=read)


NEW = TypeAdapter(
    Annotated[
        Annotated[ReportEvent | WithdrawalEvent | SecondReport, Field(discriminator="type")], AfterValidator(as_known)
    ]
)


@contextmanager
def new_version() -> Iterator[None]:
    """While inside, this process is a replica of the version that knows both."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(codec._READERS, REPORTS.name, NEW)
        yield


def golden(name: str, **changes: Any) -> bytes:
    return json.dumps({**json.loads((GOLDEN / name).read_text(encoding="utf-8")), **changes}).encode()


def second(event_id: str) -> bytes:
    data = {"period": "2024-11-18", "condition": "attention", "told": "Baru.", "told_by": "Desa Jembayan"}
    return golden("report-v1-minimal.json", id=event_id, type="desk.report.v2", data=data)


def stream(*values: bytes, first: int = 0) -> list[Record]:
    return [Record(Position(REPORTS.name, 0, first + n), b"64.72", value) for n, value in enumerate(values)]


async def count(bench: Bench) -> int:
    region = await bench.database["regions"].find_one({"_id": "64.72"})
    found: int = region["own"]["reports"]["count"] if region else 0
    return found


async def test_both_versions_count_the_same(bench: Bench) -> None:
    """The oldest form, today's with every field, and the next version, in one batch: three reports, each once."""
    records = stream(
        golden("report-v1-minimal.json"), golden("report-v1-full.json", subject="64.72"), second("new"), second("new")
    )
    with new_version():
        await bench.steps().process(records)
        await bench.steps().process(records)
    assert await count(bench) == 3
    kept = await bench.database["reports"].find_one({"id": "new"})
    assert (kept["summary"], kept["source_office"]) == ("Baru.", "Desa Jembayan")


@pytest.mark.expect_errors("dead_letter")
async def test_what_an_old_replica_puts_aside_counts_once_it_is_retried(bench: Bench) -> None:
    """In a rolling upgrade an old replica reads what a new intake sent: that costs no other event, and is not lost."""
    await bench.steps().process(stream(golden("report-v1-minimal.json"), second("new")))
    assert await count(bench) == 1
    with new_version():
        retried = stream(second("new"), first=2)  # as `desk dead-letters retry` sends it
        await bench.steps().process(retried)
        await bench.steps().process(retried)
        assert await count(bench) == 2
        await bench.steps().process(stream(second("new"), first=3))
    assert await count(bench) == 2
