"""Which texts pass, and that what passes passes again wherever it is read."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from shared.strict import LongText, ShortText, Slug, WebAddress
from shared.strict_text import MOST_MARKS, clean_for_display, clean_text, not_blank

ALL_CHARACTERS = [chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n <= 0xDFFF]
MARKS = "\u0300\u0301\u0316\u0323\u0334\u0345\u034f\u093c\u05bc\u05c1\u20e3\ufe0f\u302e"
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
MARKED_TEXT = st.text(st.sampled_from(f"aakz\u0915\u05e9\u0958\ufb2c\u0344 \u200d\u00ad{MARKS}"), max_size=60)


def is_clean(text: str) -> bool:
    try:
        clean_text(text)
    except PydanticCustomError:
        return False
    return True


def test_every_single_character() -> None:
    """Letters, signs, marks and spaces pass, of scripts and emoji to come as well; controls, surrogates, private use,
    noncharacters, line separators, and what deceives or hides, do not."""
    refused = [c for c in ALL_CHARACTERS if not is_clean(c)]
    seen = {c for c in refused if unicodedata.category(c)[0] in "LMNPS"}
    assert seen == set()
    assert {unicodedata.category(c) for c in refused} == {"Cc", "Cf", "Cn", "Co", "Zl", "Zp"}
    assert len([c for c in refused if unicodedata.category(c) == "Cc"]) == 65 - 3
    assert all(ord(c) & 0xFFFE == 0xFFFE or "\ufdd0" <= c <= "\ufdef" for c in unassigned(refused))
    assert is_clean("\u200d\u200c\u00ad")  # joiners make letters and emoji, a soft hyphen breaks lines


def unassigned(characters: list[str]) -> list[str]:
    hidden = {chr(n) for n in range(0xE0000, 0xE0080)} | {"\u2065"}
    return [c for c in characters if unicodedata.category(c) == "Cn" and c not in hidden]


@given(ANY_TEXT | MARKED_TEXT)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """What passes is in normal form C and passes again, unchanged: consumers check what intake let in."""
    if is_clean(text):
        cleaned = clean_text(text)
        assert clean_text(cleaned) == cleaned == unicodedata.normalize("NFC", text)


@given(MARKED_TEXT)
def test_a_letter_bears_so_many_marks(text: str) -> None:
    """No letter of a text that passes bears more marks than MOST_MARKS, joiners in between or not."""
    if is_clean(text):
        joined = "".join(c for c in clean_text(text) if unicodedata.category(c) != "Cf")
        runs = re.findall(f"[{MARKS}\u0308]+", joined)
        assert max(map(len, runs), default=0) <= MOST_MARKS


def test_normalising_is_never_given_much_to_sort() -> None:
    """A run of marks is refused before it is normalised, which takes quadratic time."""
    with pytest.raises(PydanticCustomError, match="more than 8 marks"):
        clean_text("a" + "\u0345\u0334" * 500_000)  # would take hours


@pytest.mark.parametrize("adapter", [ShortText, LongText, WebAddress])
@given(text=ANY_TEXT | MARKED_TEXT)
def test_types_take_their_own_results(adapter: type[str], text: str) -> None:
    """What a type lets in, it lets in again: an event's fields have the types of the body's."""
    reader: TypeAdapter[str] = TypeAdapter(adapter)
    sent = f"https://a/{text}" if adapter is WebAddress else text
    try:
        taken = reader.validate_python(sent)
    except ValidationError:
        return
    assert reader.validate_python(taken) == taken


def test_addresses_stay_addresses_when_normalised() -> None:
    """No character becomes one that an address may not hold."""
    reader: TypeAdapter[str] = TypeAdapter(WebAddress)
    for character in ALL_CHARACTERS:
        normal = unicodedata.normalize("NFC", character)
        if normal != character and is_clean(character):
            assert not set(normal) & set(' <>"\t\n') or set(character) & set(' <>"\t\n'), f"{ord(character):x}"
    assert reader.validate_python("https://contoh.id/\u212b") == "https://contoh.id/\u00c5"


@pytest.mark.parametrize("text", ["", " \n", "\u200b\u200d", "\u3164", "\u2800\u00ad", "\ufe0f", "\u0301"])
def test_nothing_to_be_seen_is_blank(text: str) -> None:
    """Fillers, joiners and marks alone are no content."""
    with pytest.raises(PydanticCustomError, match="blank"):
        not_blank(text)


@given(ANY_TEXT)
def test_shown_back_is_harmless(text: str) -> None:
    """What is quoted of somebody's input is short and printable."""
    shown = clean_for_display(text)
    assert shown.isprintable() or set(shown) - {"\ufffd"} == set()
    assert len(shown) <= 80


@given(st.text())
def test_slugs_are_of_few_letters(text: str) -> None:
    """Of ASCII letters, digits and three signs: no look-alike, no line break at the end."""
    reader: TypeAdapter[str] = TypeAdapter(Slug)
    try:
        reader.validate_python(text)
    except ValidationError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text)
