"""docs/receivers-file.md: every example in it is a receivers file, every key of every channel is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from services.notifier.channels.table import _MAKERS
from services.notifier.routing.quiet_hours import QuietHours
from services.notifier.routing.receivers import Receivers
from services.notifier.routing.routes import Escalation, Inhibition, Member, Route, Team
from services.notifier.routing.selection import Selection

DOCUMENT = (Path(__file__).parents[2] / "docs" / "receivers-file.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_receivers_file(example: str) -> None:
    """As it stands there; what it gives directly is right too."""
    for receiver in Receivers.model_validate(yaml.safe_load(example)).receivers:
        if isinstance(getattr(receiver, "url", None), SecretStr):
            receiver.check()


def test_every_channel_has_an_example() -> None:
    """One at least of each."""
    told = {r["channel"] for example in EXAMPLES for r in yaml.safe_load(example)["receivers"]}
    assert told == {kind.model_fields["channel"].annotation.__args__[0] for kind in _MAKERS}  # type: ignore[union-attr]


def test_every_key_is_told() -> None:
    """As it is written in the file."""
    models: tuple[type[BaseModel], ...] = (
        *_MAKERS,
        Receivers,
        Selection,
        Team,
        Member,
        QuietHours,
        Route,
        Escalation,
        Inhibition,
    )
    keys = {field.alias or name for kind in models for name, field in kind.model_fields.items()}
    assert {key for key in keys if f"`{key}`" not in DOCUMENT} == set()
