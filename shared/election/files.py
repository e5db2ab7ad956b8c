"""Reads the election file and the roster. A bad file is one clear line: file, key, what is wrong, an example."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.election.config import Election, Level, changed, known_zone, merged
from shared.election.roster import Region, Roster, is_within, level_of
from shared.election.several import narrowed
from shared.strict import REGION_CODE
from shared.yaml_files import BadFile, first_problem, read_yaml, unreadable

EXAMPLES: Mapping[str, str] = {
    "election": "election: kaltim-2024",
    "title": "title: {id: Pilkada Kalimantan Timur, en: East Kalimantan election}",
    "zone": "zone: Asia/Makassar",
    "zones": 'zones: {"64.72": Asia/Jakarta}',
    "stages": "stages: [{stage: quiet_period, from: 2024-11-24, to: 2024-11-26}]",
    "reports": (
        'reports: [{level: regency, weekday: monday, due: "24:00", grace: 2h, from: 2024-09-30, until: 2024-12-16}]'
    ),
    "also": "also: [psu-2025.yaml]",
    "regions": 'regions: ["64.02"]',
    "obligations_from": "obligations_from: 2024-11-11",
    "offline_allowance": "offline_allowance: 72h",
    "clock_tolerance": "clock_tolerance: 10m",
    "violation_report_within": "violation_report_within: 7d",
    "repeated_text_weeks": "repeated_text_weeks: 3",
    "roster": "roster: ../roster/kaltim.csv",
    "amendments": "amendments: [{effective: 2024-11-20, offline_allowance: 48h}]",
    "categories": "categories: {campaigning: {violation: true, label: {id: Kampanye, en: Campaigning}}}",
    "logistics": "logistics: {items: {ballot_boxes: {label: {id: Kotak suara, en: Ballot boxes}}}}",
    "logistics.warn_at": "warn_at: [7d, 3d, 1d]",
    "logistics.warn_from": "warn_from: 7d",
    "*.regions": 'regions: ["64.02"]',
    "*.level": "level: regency",
    "*.every": "every: day",
    "*.weekday": "weekday: monday",
    "*.due": 'due: "24:00"',
    "*.grace": "grace: 2h",
    "*.remind_before": "remind_before: 4h",
    "categories.*.label": "label: {id: Keamanan, en: Security}",
    "*.label": "label: {id: Kotak suara, en: Ballot boxes}",
}
_LEVELS = {level.value: level for level in Level}
_ROSTER_EXAMPLE = "code,parent_code,level,name,zone"


def standard_categories() -> dict[str, Any]:
    """The categories that hold where an election file names none; what the file says of one is put over it."""
    return _standard("categories")


def standard_items() -> dict[str, Any]:
    """The items of logistics that hold where an election file names none; the file's own are put over them."""
    return _standard("logistics_items")


def _standard(name: str) -> dict[str, Any]:
    content = yaml.safe_load(resources.files("shared.election").joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def read_election(path: Path) -> Election:
    """The election of a file, standard categories filled in. Raises BadFile."""
    return election_of(path, read_yaml(path, EXAMPLES["election"]))


def election_of(path: Path, content: dict[str, Any]) -> Election:
    """The election that a file's content says. Raises BadFile."""
    own = content.get("categories") or {}
    if not isinstance(own, dict):
        raise BadFile(path, "categories", "is no mapping of slug to category", EXAMPLES["categories"])
    logistics = content.get("logistics") or {}
    if not isinstance(logistics, dict) or not isinstance(logistics.get("items") or {}, dict):
        raise BadFile(path, "logistics", "is no mapping with `items`", EXAMPLES["logistics"])
    categories = changed(standard_categories(), own)
    filled = {
        "categories": categories,
        **_amended(content, categories),
        "logistics": {**logistics, "items": merged(standard_items(), logistics.get("items"))},
    }
    try:
        return narrowed(Election.model_validate({**content, **filled}))
    except ValidationError as error:
        raise first_problem(path, error, EXAMPLES) from None


def _amended(content: dict[str, Any], categories: dict[str, Any]) -> dict[str, Any]:
    """The amendments, what they do not say of a category as it stood before them."""
    if not isinstance(amendments := content.get("amendments"), list):
        return {}
    filled = []
    for amendment in amendments:
        own = amendment.get("categories") if isinstance(amendment, dict) else None
        if isinstance(own, dict):
            categories = changed(categories, own)
            amendment = {**amendment, "categories": {slug: categories[slug] for slug in own}}
        filled.append(amendment)
    return {"amendments": filled}


def read_roster(path: Path) -> Roster:
    """The regions of a CSV file with the columns code, parent_code, level, name and, if given, zone.
    Raises BadFile, naming the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            regions = list(_regions(path, csv.DictReader(file, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, error, _ROSTER_EXAMPLE) from None
    if not regions:
        raise BadFile(path, "file", "names no region", _ROSTER_EXAMPLE)
    try:
        return Roster(regions)
    except ValueError as error:
        raise BadFile(path, "code", str(error), "64.72,64,regency,KOTA SAMARINDA") from None


def _regions(path: Path, rows: csv.DictReader[Any]) -> Iterator[Region]:
    """Row by row: a nation's rows at once would be 30 MB that no process gives back. A parent's code is one text for
    all its children."""
    codes: dict[str, str] = {}
    for row in rows:
        _refuse_more_cells(path, rows, row)
        if parent := row.get("parent_code"):
            row["parent_code"] = codes.get(parent, parent)
        region = _region(path, rows.line_num, row)
        codes[region.code] = region.code
        yield region


def _refuse_more_cells(path: Path, rows: csv.DictReader[Any], row: dict[str | None, Any]) -> None:
    """Raises BadFile: what a comma cut off would be lost unseen, or taken for the next column. Empty cells at the end
    are none."""
    more, columns = row.get(None) or [], len(rows.fieldnames or ())
    if any(cell.strip() for cell in more):
        problem = f"has {columns + len(more)} cells for {columns} columns; a name that holds a comma must be in quotes"
        raise BadFile(path, f"line {rows.line_num}", problem, '64.72,64,regency,"SAMARINDA, KOTA"')


def _region(path: Path, line: int, row: dict[str, Any]) -> Region:
    """A row may be short: Excel leaves out the commas of empty cells at the end."""
    example = "64.72,64,regency,KOTA SAMARINDA"
    code, level, name = row.get("code") or "", _LEVELS.get(row.get("level") or ""), row.get("name") or ""
    if not code or not name or level is None or "parent_code" not in row:
        raise BadFile(path, f"line {line}", "needs code, parent_code, level and name", example)
    if not re.fullmatch(REGION_CODE, code) or level_of(code) is not level:
        raise BadFile(path, f"line {line}", f"the code {code} is no code of a {level.value}", example)
    parent, zone = row.get("parent_code") or None, (row.get("zone") or "").strip() or None
    if parent is not None and (parent == code or not is_within(code, parent)):
        raise BadFile(path, f"line {line}", f"{code} does not lie below {parent}", example)
    try:
        return Region(code, parent, level, name, known_zone(zone) if zone else None)
    except ValueError as error:
        raise BadFile(path, f"line {line}", str(error), example) from None
