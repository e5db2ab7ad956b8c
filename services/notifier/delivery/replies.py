"""What receivers answer, made fit to keep and to show: bounded, printable, and without secrets. Pure.

A receiver may say back what it was sent, the address with a token in it for example. So whatever it said goes through
`shown` with the receiver's secrets. Our own words of an attempt (`SendFailed`) hold none, and go through it without:
a secret may be a word of them, `private` for example.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus

LONGEST = 300
HIDDEN = "***"
_SHORTEST_SECRET = 4  # shorter ones are no secrets, and masking them would garble every answer
_LONGEST_PLAIN_SEGMENT = 8  # longer parts of a path may be tokens


def shown(text: str, secrets: Iterable[str], most: int = LONGEST) -> str:
    """One line of at most `most` characters, none of the secrets in it, however they are spelt."""
    for spelling in _spellings(secrets):
        text = re.sub(re.escape(spelling), HIDDEN, text, flags=re.IGNORECASE)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def _spellings(secrets: Iterable[str]) -> list[str]:
    """Longest first, so that of a secret within a secret nothing is left over."""
    found: set[str] = set()
    for secret in secrets:
        for plain in {secret, unquote(secret), unquote_plus(secret)}:
            coded = base64.b64encode(plain.encode()).decode()
            found |= {plain, quote(plain), quote(plain, safe=""), quote_plus(plain), json.dumps(plain)[1:-1], coded}
            found.add(base64.urlsafe_b64encode(plain.encode()).decode())
    return sorted((f for f in found if len(f) >= _SHORTEST_SECRET), key=len, reverse=True)


def secrets_of_url(url: str) -> tuple[str, ...]:
    """What of a web address may be a secret: user and password, values of the query, long parts of the path."""
    rest = url.partition("://")[2]
    authority, slash, path_and_query = rest.partition("/")
    path, _, query = path_and_query.partition("?")
    login = authority.rpartition("@")[0]
    segments = [s for s in path.split("/") if len(s) > _LONGEST_PLAIN_SEGMENT]
    values = [pair.partition("=")[2] or pair for pair in re.split("[&#]", query)]
    whole = [f"{authority}{slash}{path_and_query}"] if login or query or segments else []
    return tuple(s for s in (*whole, login, login.partition(":")[2], *segments, *values) if s)


def secrets_of_service_url(url: str) -> tuple[str, ...]:
    """As of a web address, where any part may be the token: `tgram://<token>/<chat>`."""
    rest = url.partition("://")[2]
    pieces = [p for p in re.split(r"[/?&=@:#]", rest) if len(p) >= _LONGEST_PLAIN_SEGMENT]
    return (rest, *(p for p in re.split("[/?]", rest) if len(p) >= _LONGEST_PLAIN_SEGMENT), *pieces)
