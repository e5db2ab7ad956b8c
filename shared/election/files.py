"""Reads the election file and the roster. A bad file is one clear line: file, key, what is wrong, an example."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.election.config import Election, Level, merged_categories
from shared.election.roster import Region, Roster, level_of

EXAMPLES: Mapping[str, str] = {
    "election": "election: kaltim-2024",
    "zone": "zone: Asia/Makassar",
    "zones": 'zones: {"64.72": Asia/Jakarta}',
    "stages": "stages: [{stage: quiet_period, from: 2024-11-24, to: 2024-11-26}]",
    "reports": (
        'reports: [{level: regency, weekday: monday, due: "24:00", grace: 2h, from: 2024-09-30, until: 2024-12-16}]'
    ),
    "obligations_from": "obligations_from: 2024-11-11",
    "offline_allowance": "offline_allowance: 72h",
    "clock_tolerance": "clock_tolerance: 10m",
    "roster": "roster: ../roster/kaltim.csv",
    "categories": "categories: {campaigning: {violation: true, label: {id: Kampanye, en: Campaigning}}}",
}
_ROSTER_EXAMPLE = "code,parent_code,level,name,zone"


class BadFile(ValueError):
    """One line: file, key, what is wrong, an example."""

    def __init__(self, path: Path | str, key: str, problem: str, example: str) -> None:
        super().__init__(f"{path}: {key}: {problem} (for example `{example}`)")


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice: the second would silently win."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(k, deep=True) for k, _ in node.value]
    twice = next((k for k in keys if keys.count(k) > 1), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands twice", node.start_mark)
    return dict(loader.construct_mapping(node, deep=True))


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, example: str) -> dict[str, Any]:
    """The mapping in a YAML file. Raises BadFile."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, "file", f"cannot be read: {error}", example) from None
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise BadFile(path, "syntax", " ".join(str(error).split()), example) from None
    if not isinstance(content, dict):
        raise BadFile(path, "file", "holds no `key: value` lines", example)
    return content


def first_problem(path: Path | str, error: ValidationError, examples: Mapping[str, str]) -> BadFile:
    """The first wrong key of a validation, as one line."""
    found = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in found["loc"])
    top = str(found["loc"][0]) if found["loc"] else ""
    problem = found["msg"].removeprefix("Value error, ")
    if found["type"] == "missing":
        problem = "is missing"
    if found["type"] == "extra_forbidden":
        problem = f"is no key we know; the keys are {', '.join(examples)}"
    return BadFile(path, key or "file", problem, examples.get(top, next(iter(examples.values()))))


def standard_categories() -> dict[str, Any]:
    """The categories that hold where an election file names none; the file's own are put over them."""
    text = resources.files("shared.election").joinpath("categories.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert isinstance(content, dict)
    return content


def read_election(path: Path) -> Election:
    """The election of a file, standard categories filled in. Raises BadFile."""
    content = read_yaml(path, EXAMPLES["election"])
    own = content.get("categories") or {}
    if not isinstance(own, dict):
        raise BadFile(path, "categories", "is no mapping of slug to category", EXAMPLES["categories"])
    content["categories"] = merged_categories(standard_categories(), own)
    try:
        return Election.model_validate(content)
    except ValidationError as error:
        raise first_problem(path, error, EXAMPLES) from None


def read_roster(path: Path) -> Roster:
    """The regions of a CSV file with the columns code, parent_code, level, name and, if given, zone.
    Raises BadFile, naming the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(path, "file", f"cannot be read: {error}", _ROSTER_EXAMPLE) from None
    regions = [_region(path, line, row) for line, row in enumerate(rows, start=2)]
    try:
        return Roster(regions)
    except ValueError as error:
        raise BadFile(path, "code", str(error), "64.72,64,regency,KOTA SAMARINDA") from None


def _region(path: Path, line: int, row: dict[str, Any]) -> Region:
    example = "64.72,64,regency,KOTA SAMARINDA"
    code, level, name = row.get("code") or "", row.get("level") or "", row.get("name") or ""
    if not code or not name or level not in set(Level):
        raise BadFile(path, f"line {line}", "needs code, parent_code, level and name", example)
    if level_of(code) is not Level(level):
        raise BadFile(path, f"line {line}", f"the code {code} is no code of a {level}", example)
    return Region(code, row.get("parent_code") or None, Level(level), name, (row.get("zone") or "").strip() or None)
