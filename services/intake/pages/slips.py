"""What says that something was accepted, pure: the facts of it in a page's address, sealed with the sender's key.

So the page can be loaded again, also while MongoDB is away, and nobody can make an address that shows to somebody
else what was never sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

_SEAL_LENGTH = 32
_SEALED = ("kind", "agency", "id", "region", "period", "at", "again")


@dataclass(frozen=True, slots=True)
class Slip:
    """`kind` is a form's; `at` when the first one was accepted; `is_again` if this one was not the first."""

    kind: str
    agency: str
    id: str
    region: str
    period: date | None
    at: datetime
    is_again: bool


def to_query(slip: Slip, key: str) -> str:
    """The slip as an address' query."""
    said = {
        "kind": slip.kind,
        "agency": slip.agency,
        "id": slip.id,
        "region": slip.region,
        "period": slip.period.isoformat() if slip.period else "",
        "at": slip.at.isoformat(),
        "again": "1" if slip.is_again else "",
    }
    return urlencode({**said, "seal": _seal(said, key)})


def from_query(query: Mapping[str, str], key: str) -> Slip | None:
    """The slip in an address; None if it was not sealed with this key."""
    said = {name: query.get(name, "") for name in _SEALED}
    if not hmac.compare_digest(_seal(said, key).encode(), query.get("seal", "").encode()):
        return None
    return Slip(
        kind=said["kind"],
        agency=said["agency"],
        id=said["id"],
        region=said["region"],
        period=date.fromisoformat(said["period"]) if said["period"] else None,
        at=datetime.fromisoformat(said["at"]),
        is_again=said["again"] == "1",
    )


def _seal(said: Mapping[str, str], key: str) -> str:
    content = "\n".join(("slip", *(said[name] for name in _SEALED)))
    return hmac.digest(key.encode(), content.encode(), "sha256").hex()[:_SEAL_LENGTH]
