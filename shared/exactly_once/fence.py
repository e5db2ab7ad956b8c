"""The fence: a document beside the positions that keeps consumers away while somebody exchanges what they write to.

Who runs finds it within seconds and leaves the group, who starts finds it before joining, and once more before the
first batch. All go on by themselves when it is gone. Whoever puts it up must wait until the group has no members: only
then is nobody in the middle of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCUMENT_ID = "fence"  # no partition has such a name


class Fenced(Exception):
    """Somebody is at work on this database. Passing: it is tried again until the fence is gone."""


def refuse(fence: Mapping[str, Any] | None) -> None:
    """Raises Fenced if there is one."""
    if fence is not None:
        raise Fenced(f"fenced since {fence['at']:%Y-%m-%dT%H:%M:%SZ} by {fence['by']}: {fence['why']}")
