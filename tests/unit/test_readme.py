"""The README tells the truth where a machine can check it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared import settings

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_settings_table_is_the_settings() -> None:
    """The README's table is what `desk settings` prints."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert settings.as_table() in readme


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_named_in_a_document_exists(document: Path) -> None:
    """Links and paths in the documents lead somewhere."""
    content = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", content) if "://" not in link]
    named = re.findall(r"`((?:services|shared|deploy|docs|tests|desk)/[\w./-]+)`", content)
    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [path for path in named if not (ROOT / path).exists()]
    assert missing == []
