"""Names in a message: the first of them, and how many others there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.texts import LANGUAGES, Language, text

Text = dict[Language, str]
MOST_NAMED = 50


def plain(said: str) -> Text:
    """What is the same in each language: a name."""
    return dict.fromkeys(LANGUAGES, said)


def joined(said: Iterable[Text], between: str) -> Text:
    parts = list(said)
    return {lang: between.join(part[lang] for part in parts) for lang in LANGUAGES}


def named(names: Sequence[Text], number: int | None = None) -> Text:
    """The first `MOST_NAMED` names, and how many others there are of all `number` (of the names, if not given)."""
    shown = names[:MOST_NAMED]
    return joined([*shown, *others((len(names) if number is None else number) - len(shown))], ", ")


def others(number: int) -> list[Text]:
    """`and 3 others`; nothing where there are none."""
    return [{lang: text("notices", "others", lang, number=number) for lang in LANGUAGES}] if number > 0 else []
