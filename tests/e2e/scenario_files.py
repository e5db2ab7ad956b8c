"""Election file and roster, read for the oracle by plain means."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from pathlib import Path

import yaml

from tests.e2e.oracle import Region, Rules

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KALTIM = DEPLOY / "elections" / "kaltim-2024.yaml"
NATIONAL = DEPLOY / "elections" / "nasional-2024.yaml"


def read_rules(election: Path) -> Rules:
    content = yaml.safe_load(election.read_text(encoding="utf-8"))
    (quiet,) = [s for s in content["stages"] if s["stage"] == "quiet_period"]
    (reports,) = content["reports"]
    assert reports["weekday"] == "monday"
    hours, minutes = reports["due"].split(":")
    return Rules(
        zone=content["zone"],
        zones=content.get("zones", {}),
        quiet_from=quiet["from"],
        quiet_to=quiet["to"],
        judged_from=max(reports["from"], content["obligations_from"]),
        judged_until=reports["until"],
        first_report=reports["from"],
        level=reports["level"],
        due_after=timedelta(hours=int(hours), minutes=int(minutes)),
        grace=_duration(reports["grace"]),
        remind_before=_duration(reports["remind_before"]) if "remind_before" in reports else None,
        allowance=_duration(content.get("offline_allowance", "72h")),
        tolerance=_duration(content.get("clock_tolerance", "10m")),
    )


def read_regions(election: Path) -> list[Region]:
    """The roster that the election file names."""
    content = yaml.safe_load(election.read_text(encoding="utf-8"))
    with (election.parent / content["roster"]).open(encoding="utf-8", newline="") as file:
        return [Region(row["code"], row["level"], row.get("zone") or None) for row in csv.DictReader(file)]


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+)([hm])", text)
    assert found, text
    return timedelta(hours=int(found[1])) if found[2] == "h" else timedelta(minutes=int(found[1]))
