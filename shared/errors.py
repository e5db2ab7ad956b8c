"""An error in words that may be logged, kept and shown: without what it quotes. Pure.

What a database driver or a validator says of an error may hold the whole document, with people's names and numbers in
it. Credentials in an address never pass, whoever says it.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

LONGEST = 1_000
_MOST_FIELDS = 3
_LOGIN = re.compile(r"://[^\s/@\"']+@")


def said(error: BaseException) -> str:
    """`Type: what it says`, as far as that may be said."""
    name = type(error).__name__
    words = _WORDS.get(type(error).__module__.partition(".")[0], str)(error)
    text = f"{name}: {without_login(words)}" if words else name
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def without_login(text: str) -> str:
    """Addresses in it without user and password."""
    return _LOGIN.sub("://***@", text)


def told_in_full(error: BaseException) -> str:
    """With where it happened and what it came from: a traceback whose every error is one that may be said."""
    return "\n".join(_parts(error, set()))


def _parts(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _parts(before, seen)
        yield "\nThat led to:\n"
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield said(error)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            if id(inner) not in seen:
                yield f"\nOne of its {len(error.exceptions)}:\n"
                yield from _parts(inner, seen)


def _of_driver(error: Any) -> str:
    """A connection's words are addresses, and a page on timeouts after them; a refused command's quote the command, so
    of it only the code is told."""
    if any(kind.__name__ == "ConnectionFailure" for kind in type(error).__mro__):
        return str(error).partition(" (configured timeouts")[0]
    details = getattr(error, "details", None)
    code = getattr(error, "code", None)
    return str((details or {}).get("codeName") or code or "")


def _of_validator(error: Any) -> str:
    """Which fields, and why; not what they held."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'value'}: {one['type']}" for one in found[:_MOST_FIELDS])


# By the package an error comes from; all others' words are their own.
_WORDS: Mapping[str, Callable[[Any], str]] = {
    "pymongo": _of_driver,
    "bson": lambda _error: "",
    "pydantic_core": _of_validator,
}
