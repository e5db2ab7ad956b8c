"""docs/election-file.md: every example in it is an election file, or a part of one; every key of a file is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from shared.election.config import Election
from shared.election.files import election_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "election-file.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(example) for example in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: "+".join(example))
def test_every_example_is_read(example: dict[str, object]) -> None:
    """Alone, or in place of what the smallest file says."""
    election_of(Path("example.yaml"), {**EXAMPLES[0], **example})


def test_every_key_is_told() -> None:
    """Of the file itself."""
    assert len(EXAMPLES) >= 6
    told = set(re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE))
    assert {field.alias or name for name, field in Election.model_fields.items()} - told == set()
