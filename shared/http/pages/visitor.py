"""Who asks for a page: the language and the key, as the browser's cookies and headers have them.

Browsers share cookies between the ports of one host: each service's key has a name of its own, the language is shared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared.access.keys import LONGEST_KEY
from shared.http.auth_header import language
from shared.texts import LANGUAGE, Language

# Longer than from one Monday to the next; with each visit of the form it begins anew.
KEY_KEPT_S = 8 * 24 * 3600
LANGUAGE_KEPT_S = 365 * 24 * 3600
LANGUAGE_COOKIE = "desk-lang"
_ROOT = re.compile(r"(/[A-Za-z0-9_-]+)+", re.ASCII)
_LANGUAGES: dict[str | None, Language] = {"id": "id", "en": "en"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """`chosen` is a language that was asked for just now, so that it is remembered."""

    language: Language
    key: str | None = field(repr=False)
    is_https: bool
    chosen: Language | None = None

    def speaking(self, sent: str | None) -> Visitor:
        """The same visitor after a switch of the language; what is none of ours changes nothing."""
        chosen = _LANGUAGES.get(sent)
        return replace(self, language=chosen, chosen=chosen) if chosen else self


class KeyCookie:
    """The cookie that holds a key: for this host, no script and no other site."""

    def __init__(self, name: str) -> None:
        self._name = name

    def key(self, request: Request) -> str | None:
        key = request.cookies.get(self._cookie(is_https(request)), "")
        return key if 0 < len(key) <= LONGEST_KEY else None

    def keep(self, response: Response, visitor: Visitor, key: str) -> None:
        response.set_cookie(max_age=KEY_KEPT_S, value=key, **self._options(visitor))

    def forget(self, response: Response, visitor: Visitor) -> None:
        response.delete_cookie(**self._options(visitor))

    def _options(self, visitor: Visitor) -> dict[str, Any]:
        name = self._cookie(visitor.is_https)
        return {"key": name, "path": "/", "secure": visitor.is_https, "httponly": True, "samesite": "strict"}

    def _cookie(self, is_https: bool) -> str:
        """`__Host-`: a browser takes it from this very host alone, over https alone (RFC 6265bis)."""
        return f"__Host-{self._name}" if is_https else self._name


def visitor_of(request: Request, cookie: KeyCookie) -> Visitor:
    remembered = _LANGUAGES.get(request.cookies.get(LANGUAGE_COOKIE))
    visitor = Visitor(remembered or language(request), cookie.key(request), is_https(request))
    return visitor.speaking(request.query_params.get(LANGUAGE))


def remember_language(response: Response, visitor: Visitor) -> None:
    if visitor.chosen is not None:
        response.set_cookie(
            LANGUAGE_COOKIE,
            visitor.chosen,
            max_age=LANGUAGE_KEPT_S,
            secure=visitor.is_https,
            httponly=True,
            samesite="lax",
        )


def root_of(request: Request) -> str:
    """Below which path the browser sees us, `/pantau` say: a gateway that takes it off says so. Empty without one."""
    prefix = request.headers.get("x-forwarded-prefix", "")
    return prefix if _ROOT.fullmatch(prefix) else ""


def is_https(request: Request) -> bool:
    """As the browser sees it: a gateway that ends TLS says so."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" in (request.url.scheme, forwarded)
