"""The refused lines of a file, beside it: as they were, with the reasons, to be mended and sent."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from desk.submit.items import FileFormat
from desk.submit.sending import Final


def new_refused_path(file: Path, suffix: str) -> Path:
    """`report.refused.csv`, or `report.refused-2.csv` and so on: somebody may be mending an earlier one."""
    for number in itertools.count(1):
        mark = "" if number == 1 else f"-{number}"
        path = file.with_name(f"{file.stem}.refused{mark}{suffix}")
        if not path.exists():
            return path
    raise AssertionError


def write_refused(path: Path, form: FileFormat, finals: Sequence[Final], written_bytes: int) -> int:
    """Put refused lines below the first `written_bytes` bytes, and anything after those away: a run that died left
    it. The file's new length. Raises OSError."""
    if not finals:
        return written_bytes
    with path.open("r+b" if written_bytes else "wb") as file:
        file.truncate(written_bytes)
        file.seek(written_bytes)
        if not written_bytes:
            file.write(form.refused_head())
        file.writelines(form.refused(final.item, final.problem) for final in finals)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()
