"""What intake counts of its callers, and that nobody can make it grow."""

from __future__ import annotations

import re

import pytest

from shared.access.keys import Grant, Kind
from shared.metrics.intake import MOST_AGENCIES
from tests.service.intake.conftest import Intake

REPORT = {"region": "64.72", "condition": "normal", "summary": "Aman."}


def series(intake: Intake) -> set[str]:
    """Every series that Prometheus would store."""
    lines = intake.metrics.render()[0].decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


async def test_made_up_names_add_no_series(intake: Intake) -> None:
    """Regions, agencies, kinds, keys and ids that a caller makes up are counted with others of their kind."""
    before: set[str] = set()
    for n in range(60):
        odd = {**REPORT, "id": f"made-up-{n}"}
        for body, key in [
            ({**odd, "region": f"64.{n:02}.{n:04}"}, "everything"),
            ({**odd, f"field-{n}": 1}, "everything"),
            ({**odd, "agency": f"agency-{n}"}, "everything"),
            (odd, "everything"),
            (odd, f"desk_agency-{n}_{'x' * 43}"),
        ]:
            await intake.post("/v1/reports", body, key)
        await intake.post(f"/v1/incidents/agency-{n}/{n}/status", {"region": "64.72", "status": "verified"})
        await intake.post(f"/v1/kind-{n}", odd)
        if n == 0:
            before = series(intake)
    assert series(intake) == before
    assert any("desk_refused_total" in one for one in before)


async def test_agencies_beyond_a_number_are_counted_together(intake: Intake) -> None:
    """However many hold keys: the first ones by name, all others under one."""
    for n in range(MOST_AGENCIES + 50):
        intake.keys.give(f"key-{n}", Grant(f"key-{n}", f"office-{n}", frozenset({Kind.REPORTS}), ("*",)))
        assert (await intake.post("/v1/reports", REPORT, f"key-{n}")).status == 202
    names = re.findall(r'desk_accepted_total\{agency="(.*?)"', intake.metrics.render()[0].decode())
    assert len(names) == MOST_AGENCIES + 1
    sample = {"agency": "(others)", "duplicate": "false", "kind": "report"}
    assert intake.metrics.registry.get_sample_value("desk_accepted_total", sample) == 50


@pytest.mark.parametrize(
    ("key", "region", "agency", "reason"),
    [
        (None, "64.72", "(no key)", "unauthorized"),
        ("nobody's", "64.72", "(no key)", "unauthorized"),
        ("everything", "1", "kaltim-desk", "invalid"),
        ("slow", "64.72", "slow-desk", "too_many_requests"),
        ("looks", "64.72", "(people)", "forbidden"),
    ],
)
async def test_who_is_refused_and_why(intake: Intake, key: str | None, region: str, agency: str, reason: str) -> None:
    """By the holder of the key, who is known before the rate is looked at; of unknown keys nothing is believed."""
    intake.keys.give("slow", Grant("slow", "slow-desk", frozenset({Kind.REPORTS}), ("*",), events_per_minute=1))
    intake.keys.give("looks", Grant("looks", kinds=frozenset({Kind.REPORTS}), regions=("*",)))
    await intake.post("/v1/reports", REPORT, "slow")
    await intake.post("/v1/reports", {**REPORT, "region": region}, key)
    labels = {"agency": agency, "kind": "report", "reason": reason}
    assert intake.metrics.registry.get_sample_value("desk_refused_total", labels) == 1
