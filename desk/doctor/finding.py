"""What the doctor says of one thing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    LOOK = "look"  # nothing is broken; somebody should know
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """`advice` is what to do; empty where nothing is to be done."""

    level: Level
    about: str
    said: str
    advice: str = ""


def ok(about: str, said: str) -> Finding:
    return Finding(Level.OK, about, said)


def look(about: str, said: str, advice: str) -> Finding:
    return Finding(Level.LOOK, about, said, advice)


def bad(about: str, said: str, advice: str) -> Finding:
    return Finding(Level.BAD, about, said, advice)


def in_lines(finding: Finding) -> str:
    """As a person reads it."""
    line = f"{finding.level.value:>4}  {finding.about}: {finding.said}"
    return f"{line}\n      -> {finding.advice}" if finding.advice else line


def verdict(findings: Sequence[Finding]) -> str:
    """The last line."""
    count = {level: sum(f.level is level for f in findings) for level in Level}
    if count[Level.BAD]:
        return f"{count[Level.BAD]} to repair, {count[Level.LOOK]} to look at."
    return f"Nothing is broken; {count[Level.LOOK]} to look at." if count[Level.LOOK] else "All is well."
