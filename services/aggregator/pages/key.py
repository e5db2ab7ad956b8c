"""The cookie in which a browser keeps a person's key."""

from __future__ import annotations

from starlette.requests import Request

from shared.http.pages.visitor import KeyCookie

COOKIE = KeyCookie("desk-viewer-key")


def key_in_cookie(request: Request) -> str | None:
    return COOKIE.key(request)
