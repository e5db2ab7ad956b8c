"""Is a post from one of our own pages?

The key's cookie is SameSite=Strict; this is the second lock, for browsers that know no SameSite. A browser says where
a post comes from, in `Sec-Fetch-Site` or, over plain http, in `Origin` alone; one that says neither is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

# `none`: the user's own doing, a restored tab say; no page can make a browser send it.
_OURS = ("same-origin", "none")


def is_ours(headers: Mapping[str, str]) -> bool:
    """By the headers of a post, names in lower case."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OURS
    host = _host(headers.get("origin", ""))
    # Behind a gateway the name in the address bar may be in X-Forwarded-Host alone.
    return host != "" and host in (headers.get("host", "").lower(), headers.get("x-forwarded-host", "").lower())


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
