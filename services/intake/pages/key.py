"""The cookie in which a browser keeps an agency's key."""

from __future__ import annotations

from shared.http.pages.visitor import KeyCookie

COOKIE = KeyCookie("desk-key")
