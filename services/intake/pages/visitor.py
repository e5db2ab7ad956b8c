"""Who asks for a page: the language and the key, as the browser's cookies and headers have them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.intake.pages.forms import LANGUAGE
from services.intake.pages.words import Words
from shared.access.keys import LONGEST_KEY
from shared.http.auth_header import language
from shared.texts import Language

# Longer than from one Monday to the next; each visit begins it anew.
KEY_KEPT_S = 8 * 24 * 3600
LANGUAGE_KEPT_S = 365 * 24 * 3600
LANGUAGE_COOKIE = "desk-lang"
_LANGUAGES: dict[str | None, Language] = {"id": "id", "en": "en"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """`chosen` is a language that was asked for just now, so that it is remembered."""

    words: Words
    key: str | None = field(repr=False)
    is_https: bool
    chosen: Language | None = None

    def speaking(self, sent: str | None) -> Visitor:
        """The same visitor after a switch of the language; what is none of ours changes nothing."""
        chosen = _LANGUAGES.get(sent)
        return replace(self, words=Words(chosen), chosen=chosen) if chosen else self


def visitor_of(request: Request) -> Visitor:
    is_https = _is_https(request)
    key = request.cookies.get(_key_cookie(is_https), "")
    remembered = _LANGUAGES.get(request.cookies.get(LANGUAGE_COOKIE))
    visitor = Visitor(
        words=Words(remembered or language(request)),
        key=key if 0 < len(key) <= LONGEST_KEY else None,
        is_https=is_https,
    )
    return visitor.speaking(request.query_params.get(LANGUAGE))


def keep_key(response: Response, visitor: Visitor, key: str) -> None:
    response.set_cookie(max_age=KEY_KEPT_S, value=key, **_key_options(visitor))


def forget_key(response: Response, visitor: Visitor) -> None:
    response.delete_cookie(**_key_options(visitor))


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


def _key_options(visitor: Visitor) -> dict[str, Any]:
    name = _key_cookie(visitor.is_https)
    return {"key": name, "path": "/", "secure": visitor.is_https, "httponly": True, "samesite": "strict"}


def _key_cookie(is_https: bool) -> str:
    """`__Host-`: a browser takes it from this very host alone, over https alone (RFC 6265bis)."""
    return "__Host-desk-key" if is_https else "desk-key"


def _is_https(request: Request) -> bool:
    """As the browser sees it: a gateway that ends TLS says so."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" in (request.url.scheme, forwarded)
