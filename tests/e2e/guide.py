"""The guide for agencies, taken apart: its commands, its programs, and the answers that it promises."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
LANGUAGES = ("id", "en")

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FUNCTION = re.compile(r"^\w+\(\) \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A block of shell, with the functions that blocks before it define, and what it shall print: lines of JSON, or a
    text; None if the guide shows nothing."""

    code: str
    functions: str
    answer: list[Any] | str | None

    def is_answered_by(self, printed: str) -> bool:
        if isinstance(self.answer, list):
            return _lines_of_json(printed) == self.answer
        return self.answer is None or printed.strip() == self.answer.strip()


@dataclass(frozen=True)
class Program:
    """A block of Python, to be saved under the name in its first line."""

    name: str
    code: str


@dataclass(frozen=True)
class Guide:
    text: str

    def commands(self) -> Iterator[Command]:
        """In their order."""
        found = _BLOCK.findall(self.text)
        functions = ""
        for (kind, code), (next_kind, shown) in zip(found, [*found[1:], ("", "")], strict=True):
            if kind == "sh":
                yield Command(code, functions, _answer(next_kind, shown))
                functions += "".join(_FUNCTION.findall(code))

    def programs(self) -> list[Program]:
        found = [code for kind, code in _BLOCK.findall(self.text) if kind == "python"]
        return [Program(code.splitlines()[0].removeprefix("# "), code) for code in found]

    def without_words(self) -> list[tuple[str, str]]:
        """All blocks, without what is meant for people alone: comments."""
        return [(kind, ast.dump(ast.parse(code)) if kind == "python" else code) for kind, code in self._blocks()]

    def statuses(self) -> set[int]:
        """Those of the table of answers."""
        cells = re.findall(r"^\| (\d{3}[^|]*)\|", self.text, re.MULTILINE)
        return {int(status) for cell in cells for status in re.findall(r"\d{3}", cell)}

    def words_between(self, begin: str, end: str) -> list[str]:
        """The words in backticks in a passage."""
        passage = self.text.partition(begin)[2].partition(end)[0]
        return re.findall(r"`(\w+)`", passage)

    def _blocks(self) -> list[tuple[str, str]]:
        return _BLOCK.findall(self.text)


def read_guide(language: str) -> Guide:
    return Guide((DOCS / f"guide-agencies.{language}.md").read_text(encoding="utf-8"))


def _answer(kind: str, shown: str) -> list[Any] | str | None:
    if kind == "json":
        return _lines_of_json(shown)
    return shown if kind == "text" else None


def _lines_of_json(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line]
