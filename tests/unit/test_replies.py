"""What receivers answer, made fit to keep: one line, bounded, printable, no secret in it in any spelling."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.delivery.replies import secrets_of_service_url, secrets_of_url, shown

SECRET = "p@ss/w+rd=é"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("ok", "ok"),
        ("  two\r\n lines\t", "two lines"),
        ("\x1b[31mred\x00\u202e", "[31mred"),
        ("x" * 400, "x" * 297 + "..."),
        ("key p@ss/w+rd=é here", "key *** here"),
        ("KEY P@SS/W+RD=É here", "KEY *** here"),
        (f"key {quote(SECRET)} here", "key *** here"),
        (f"key {quote(SECRET, safe='')} here", "key *** here"),
        ('{"key": "p@ss/w+rd=\\u00e9"}', '{"key": "***"}'),
        (f"Basic {base64.b64encode(SECRET.encode()).decode()}", "Basic ***"),
        ("y" * 290 + SECRET, "y" * 290 + "***"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    """Secrets go first, whole; then the length is cut, so that no half of one is left."""
    assert shown(text, [SECRET]) == expected


@given(st.text(alphabet="0123456789 \n\x1b", max_size=600), st.text(alphabet="abcXYZ%+/=&", min_size=4, max_size=40))
def test_always_fit_to_show(around: str, secret: str) -> None:
    """Whatever comes back: short, printable, and without the secret that was put into it."""
    line = shown(f"{around}{secret}{around}", [secret])
    assert len(line) <= 300
    assert line.isprintable()
    assert secret.lower() not in line.lower()


@pytest.mark.parametrize(
    ("url", "expected", "plain"),
    [
        ("https://desk.example/hooks/pilkada", set(), "desk.example"),
        ("https://u:geheim@desk.example/x", {"u:geheim", "geheim"}, "/x"),
        ("https://desk.example/x?token=geheim&a=1", {"geheim"}, "/x"),
        ("https://chat.example/hooks/T0AAAAAAA/B0BBBBBBB/XXXXYYYYZZZZ", {"XXXXYYYYZZZZ"}, "hooks"),
        ("https://desk.example/x?geheim", {"geheim"}, "/x"),
    ],
)
def test_secrets_of_an_address(url: str, expected: set[str], plain: str) -> None:
    """Logins, values of the query and long parts of the path; host and plain paths are none."""
    found = secrets_of_url(url)
    assert expected <= set(found)
    assert plain not in found
    assert bool(found) is bool(expected)


def test_secrets_of_a_service_s_url() -> None:
    """Any longer part of it may be the token."""
    found = secrets_of_service_url("tgram://123456789:ABC-def_ghi/-1001234567?format=html")
    assert {"123456789:ABC-def_ghi", "123456789", "ABC-def_ghi", "-1001234567"} <= set(found)
