"""Names as values of a label: the first so many by themselves, all others together. Pure.

Whoever makes up names, or sends from a million offices, adds no series beyond that.
"""

from __future__ import annotations

OTHERS = "(others)"  # no agency's name has brackets
NOBODY = "(no key)"
PEOPLE = "(people)"


class FewNames:
    """`most` names since the process began; the first to come are the ones that are told apart."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        if name in self._known:
            return name
        if len(self._known) >= self._most:
            return OTHERS
        self._known.add(name)
        return name
