"""Which texts the pages of a service name, in their templates and their code, with those that all services share."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_QUOTED = re.compile(r'"([a-z_]+(?:\.[a-z_0-9]+)*)"')
_CALLED = re.compile(r'\b(?:t|words|self|self\.words)\("([a-z_.0-9]+)"[,)]')


def unknown_and_idle(
    service: str, keys: frozenset[str], families: dict[str, list[str]]
) -> tuple[frozenset[str], frozenset[str]]:
    """Keys that are used and do not exist, and keys that nobody uses. `families` are those of which only the first
    part stands in the code or a template -> what may follow."""
    folders = (ROOT / "services" / service / "pages", ROOT / "shared" / "http" / "pages")
    files = [path for folder in folders for ending in ("*.py", "*.html") for path in folder.rglob(ending)]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in files)
    expected = {f"{first}.{rest}" for first, ends in families.items() for rest in ends}
    unknown = (expected | set(_CALLED.findall(sources))) - keys
    return frozenset(unknown), keys - expected - set(_QUOTED.findall(sources))
