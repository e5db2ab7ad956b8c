"""What texts we accept from outside: what survives JSON, BSON and a screen.

Letters of all scripts pass, look-alikes too: a name is written as its owner writes it. What is refused is what a
reader cannot see, or would see otherwise than it was written.
"""

from __future__ import annotations

import re
import unicodedata

from pydantic_core import PydanticCustomError

# Marks (accents, vowel signs) on one letter. Living scripts need four or five; more is a picture over other lines
# ("zalgo"), and normalising sorts a run of marks in quadratic time: 64 KB of them cost 200 ms.
MOST_MARKS = 8
_MOST_MARKS_AS_SENT = 32  # normalising can make fewer of them, so the first look is a lenient one

_LINE_BREAKS = "\n\r\t"
_FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Co", "Zl", "Zp")  # control, surrogate, private use, line and paragraph separator
_MARK_CATEGORIES = ("Mn", "Me")
# What makes a screen show another order than the bytes (Unicode TR 36: embeddings, overrides, isolates, marks), or
# nothing at all where something is written: the byte order mark, deprecated format characters, annotations, tags.
_DECEIVING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_HOLLOW = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs that show nothing

# For the documents, as far as a short pattern can tell: no control and no bidirectional characters, not blank.
_UNSEEN = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
LONG_TEXT = rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$"
SEEN_ADDRESS = rf"^https?://[^\s<>\"{_UNSEEN}]+$"
SHORT_TEXT = LONG_TEXT.replace(_UNSEEN, rf"\t\n\r{_UNSEEN}")


def _is_forbidden(char: str) -> bool:
    """Noncharacters are; unassigned characters pass: next year's emoji is one until our Unicode table is renewed."""
    if char in _LINE_BREAKS or char.isprintable():
        return False
    is_noncharacter = "\ufdd0" <= char <= "\ufdef" or ord(char) & 0xFFFE == 0xFFFE
    return is_noncharacter or unicodedata.category(char) in _FORBIDDEN_CATEGORIES or bool(_DECEIVING.match(char))


def _is_mark(char: str) -> bool:
    return unicodedata.combining(char) != 0 or unicodedata.category(char) in _MARK_CATEGORIES


def _most_marks_in(text: str) -> int:
    """The most marks on one letter. A joiner (`Cf`) in between is no new letter."""
    present = set(text)
    marks = {c for c in present if _is_mark(c)}
    if not marks:
        return 0
    joiners = {c for c in present if unicodedata.category(c) == "Cf"}
    found = most = 0
    for char in text:
        if char in marks:
            found += 1
            most = max(most, found)
        elif char not in joiners:
            found = 0
    return most


def clean_text(text: str) -> str:
    """The text in normal form C. Cleaning it again changes nothing. Raises PydanticCustomError `text_characters`,
    which names the first bad character, and `text_marks`."""
    if text.isascii() and text.isprintable():
        return text
    if _most_marks_in(text) > _MOST_MARKS_AS_SENT:
        raise _too_many_marks()
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        bad = {c for c in set(text) if _is_forbidden(c)}
        if bad:
            first = next(c for c in text if c in bad)
            raise PydanticCustomError(
                "text_characters", "contains the forbidden character {char}", {"char": f"U+{ord(first):04X}"}
            )
    if _most_marks_in(text) > MOST_MARKS:
        raise _too_many_marks()
    return text


def _too_many_marks() -> PydanticCustomError:
    return PydanticCustomError("text_marks", "piles more than {most} marks on one letter", {"most": MOST_MARKS})


def not_blank(text: str) -> str:
    """The text, if something is to be seen of it. Raises PydanticCustomError `text_blank`."""
    if text.isascii() and text.strip():
        return text
    if not any(_is_seen(c) for c in set(text)):
        raise PydanticCustomError("text_blank", "is blank")
    return text


def _is_seen(char: str) -> bool:
    category = unicodedata.category(char)
    return (category[0] in "LNPS" or category == "Cn") and char not in _HOLLOW


def one_line(text: str) -> str:
    """The text, if it is a single line. Raises PydanticCustomError `text_one_line`."""
    if any(c in text for c in _LINE_BREAKS):
        raise PydanticCustomError("text_one_line", "must be a single line")
    return text


def clean_for_display(text: str) -> str:
    """A piece of somebody's input made safe to show back: bounded, printable."""
    return "".join(c if c.isprintable() and not _DECEIVING.match(c) else "\ufffd" for c in text[:80])
