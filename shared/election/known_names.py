"""Names that callers write, held against the election file: categories of incidents and items of logistics.

Both raise PydanticCustomError: `category_unknown` or `item_unknown` with the nearest names in `nearest`, or, where
nothing is near, `category_unlisted` or `item_unlisted` with all of them in `known`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pydantic_core import PydanticCustomError

from shared.election.config import Election
from shared.election.frozen import Text
from shared.strict import LONGEST_SLUG


def known_category(category: str, election: Election) -> str:
    known = election.categories
    return _one_of({name: known[name].label for name in known}, category, "category")


def known_item(item: str, election: Election) -> str:
    known = election.logistics.items
    return _one_of({name: known[name].label for name in known}, item, "item")


def _one_of(known: Mapping[str, Text], sent: str, what: str) -> str:
    if sent not in known:
        nearest = _nearest(known, sent[:LONGEST_SLUG].lower())
        if nearest:
            raise PydanticCustomError(f"{what}_unknown", "is unknown", {"nearest": ", ".join(nearest)})
        raise PydanticCustomError(f"{what}_unlisted", "is unknown", {"known": ", ".join(sorted(known))})
    return sent


def _nearest(known: Mapping[str, Text], sent: str) -> list[str]:
    """The names that are written like it, or whose label is: people send `Politik uang`, as their screens say."""
    labels = {said.lower(): name for name, label in known.items() for said in (label.id, label.en)}
    written = {**labels, **{name: name for name in known}}
    return list(dict.fromkeys(written[near] for near in difflib.get_close_matches(sent, written)))
