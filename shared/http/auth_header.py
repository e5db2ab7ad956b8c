"""What a request's headers say: the bearer key, the language."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from shared.access.keys import LONGEST_KEY
from shared.texts import Language, language_of


def bearer_key(request: HTTPConnection) -> str | None:
    """The key of `Authorization: Bearer <key>` (RFC 6750); None if there is none or it is absurdly long. Of two
    headers none counts: a gateway may have looked at the other."""
    sent = request.headers.getlist("authorization")
    return key_in(sent[0]) if len(sent) == 1 else None


def key_in(authorization: str) -> str | None:
    """The key in the only such header."""
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    return _as_written(key) if scheme.lower() == "bearer" and 0 < len(key) <= LONGEST_KEY else None


def _as_written(key: str) -> str:
    """A header's bytes are read as Latin-1; who writes anything but ASCII into one mostly writes UTF-8."""
    try:
        return key if key.isascii() else key.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return key


def language(request: HTTPConnection) -> Language:
    return language_of(request.headers.get("accept-language"))
