"""How far a file has been sent, in a small file beside it: written whole or not at all, after each batch."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

# A weekly report in last week's words is another report: what was left half sent is not gone on with after so long.
RESUMABLE_DAYS = 5


class Progress(BaseModel):
    """Of one file, known by its content, to one address. `began` is the day in the ids; `refused_bytes` is how much of
    `refused_file` belongs to what is done."""

    sha256: str
    url: str
    kind: str | None
    began: date
    done: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: dict[str, int] = Field(default_factory=dict)
    refused_file: str
    refused_bytes: int = 0


def progress_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.progress")


def load_progress(path: Path, sha256: str, url: str, kind: str | None, today: date) -> Progress | None:
    """What can be gone on with: None if there is nothing, or it is of other content, another address, or too old."""
    try:
        found = Progress.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    is_same = (found.sha256, found.url, found.kind) == (sha256, url, kind)
    return found if is_same and 0 <= (today - found.began).days <= RESUMABLE_DAYS else None


def save_progress(path: Path, progress: Progress) -> None:
    """Raises OSError."""
    draft = path.with_name(f"{path.name}.tmp")
    with draft.open("wb") as file:
        file.write(progress.model_dump_json(indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def remove_progress(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
