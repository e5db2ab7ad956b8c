"""YAML files that people write: read strictly, what is wrong said in one line.

The election file and the receivers file are read with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError


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
        raise unreadable(path, error, example) from None
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise BadFile(path, *_where_and_what(error), example) from None
    if not isinstance(content, dict):
        raise BadFile(path, "file", "holds no `key: value` lines", example)
    return content


def unreadable(path: Path | str, error: Exception, example: str) -> BadFile:
    """A file that is not there, is nobody's to read, or no text."""
    why = error.strerror if isinstance(error, OSError) else None
    said = "it is no UTF-8; save it as UTF-8" if isinstance(error, UnicodeDecodeError) else why or str(error)
    return BadFile(path, "file", f"cannot be read: {said}", example)


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
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
}

# What is beyond a bound, with the name of the bound in pydantic's context.
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
    "too_long": ("max_length", "may hold at most"),
}


def first_problem(path: Path | str, error: ValidationError, examples: Mapping[str, str]) -> BadFile:
    """The first wrong key of a validation, as one line. `examples` has the file's keys; beside them there may stand
    examples of what lies below one (`teams.quiet_hours`) and of what has the same name everywhere (`*.regions`),
    or in each entry of one key (`categories.*.label`)."""
    found = error.errors(include_url=False)[0]
    where = [str(part) for part in found["loc"] if part not in ("[key]", "constrained-str")]
    problem = _in_words(found["type"], found["input"], found.get("ctx") or {}, found["msg"])
    if found["type"] == "extra_forbidden" and len(where) == 1:
        problem += f"; the keys are {', '.join(key for key in examples if '.' not in key)}"
    return BadFile(path, ".".join(where) or "file", problem, _example(where, examples))


def _in_words(kind: str, given: object, context: Mapping[str, Any], message: str) -> str:
    if kind == "string_type" and isinstance(given, int | float):
        return "is a number to YAML; put it in quotes"
    if kind == "union_tag_not_found":
        return f"names no {context['discriminator']}".replace("'", "`")
    if kind == "union_tag_invalid":
        what = context["discriminator"].strip("'")
        return f"{context['tag']!r} is no {what}; there are {', '.join(_quoted(context['expected_tags']))}"
    if kind in ("literal_error", "enum"):
        return f"must be one of {', '.join(_quoted(context['expected']))}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {context[name]}"
    return _SAID.get(kind) or message.removeprefix("Value error, ")


def _quoted(words: str) -> list[str]:
    """Of pydantic's `'a', 'b' or 'c'` the words."""
    return re.findall("'([^']*)'", words)


def _example(where: Sequence[str], examples: Mapping[str, str]) -> str:
    """That of the key itself, else of its name in such an entry or anywhere, else of what it stands in."""
    names = [part for part in where if not part.isdecimal()]
    keys = [".".join(names), f"{names[-3]}.*.{names[-1]}" if len(names) > 2 else "", f"*.{names[-1]}" if names else ""]
    keys += [".".join(names[:n]) for n in range(len(names) - 1, 0, -1)]
    return next((examples[key] for key in keys if key in examples), next(iter(examples.values())))
