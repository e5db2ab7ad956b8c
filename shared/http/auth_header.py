"""What a request's headers say: the bearer key, the language."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from shared.texts import Language, language_of


def bearer_key(request: HTTPConnection) -> str | None:
    """The key of `Authorization: Bearer <key>` (RFC 6750); None if there is none or it is absurdly long."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and 0 < len(key) <= 256 else None


def language(request: HTTPConnection) -> Language:
    return language_of(request.headers.get("accept-language"))
