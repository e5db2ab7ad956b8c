"""Reads the election file and the roster. A bad file is one clear line: file, key, what is wrong, an example."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shared.election.config import Election, Level, known_zone, merged_categories
from shared.election.roster import Region, Roster, is_within, level_of
from shared.strict import REGION_CODE

EXAMPLES: Mapping[str, str] = {
    "election": "election: kaltim-2024",
    "title": "title: {id: Pilkada Kalimantan Timur, en: East Kalimantan election}",
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
        line = f"{path}: {key}: {problem} (for example `{example}`)"
        super().__init__(" ".join(line.split()))


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice (the second would win unseen), and names the line of a day there is not."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys: list[Any] = []
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in keys:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        keys.append(key)
    return dict(loader.construct_mapping(node, deep=True))


def _timestamp(loader: _UniqueKeyLoader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        problem = f"{node.value} is no date: {error}"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def read_yaml(path: Path, example: str) -> dict[str, Any]:
    """The mapping in a YAML file. Raises BadFile."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, "file", f"cannot be read: {error}", example) from None
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise BadFile(path, *_where_and_what(error), example) from None
    if not isinstance(content, dict):
        raise BadFile(path, "file", "holds no `key: value` lines", example)
    return content


def _where_and_what(error: yaml.YAMLError) -> tuple[str, str]:
    """Line and problem, without the snippet that PyYAML quotes: it may be a secret."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f"line {mark.line + 1}" if mark is not None else "syntax"
    return where, problem or "is no YAML"


# What pydantic calls it, in words for whoever wrote the file.
_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is no key we know",
    "tuple_type": "must be a list",
    "too_short": "is empty",
    "date_syntax": "is no date; write it as 2024-11-24, without quotes",
    "date_type": "is no date; write it as 2024-11-24, without quotes",
    "string_pattern_mismatch": "is not written as it must be",  # what it says may be an address with a token in it
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "bool_parsing": "must be true or false",
    "union_tag_not_found": "names no `channel`",
}


def first_problem(path: Path | str, error: ValidationError, examples: Mapping[str, str]) -> BadFile:
    """The first wrong key of a validation, as one line."""
    found = error.errors(include_url=False)[0]
    where = [str(part) for part in found["loc"] if part not in ("[key]", "constrained-str")]
    kind, given = found["type"], found["input"]
    problem = _SAID.get(kind) or found["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden" and len(where) == 1:
        problem += f"; the keys are {', '.join(examples)}"
    if kind == "string_type" and isinstance(given, int | float):
        problem = "is a number to YAML; put it in quotes"
    top = where[0] if where else ""
    return BadFile(path, ".".join(where) or "file", problem, examples.get(top, next(iter(examples.values()))))


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
    if not rows:
        raise BadFile(path, "file", "names no region", _ROSTER_EXAMPLE)
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
    if not re.fullmatch(REGION_CODE, code) or level_of(code) is not Level(level):
        raise BadFile(path, f"line {line}", f"the code {code} is no code of a {level}", example)
    parent, zone = row.get("parent_code") or None, (row.get("zone") or "").strip() or None
    if parent is not None and (parent == code or not is_within(code, parent)):
        raise BadFile(path, f"line {line}", f"{code} does not lie below {parent}", example)
    try:
        return Region(code, parent, Level(level), name, known_zone(zone) if zone else None)
    except ValueError as error:
        raise BadFile(path, f"line {line}", str(error), example) from None
