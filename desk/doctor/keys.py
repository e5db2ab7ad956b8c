"""Keys: can anybody administer, look and send, and does a key end soon?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from desk.doctor.finding import Finding, bad, look, ok
from desk.keys import open_keys
from shared.access.holders import Holder, Sort
from shared.access.keys import Role
from shared.clock import real
from shared.mongo import DatabaseError, in_words
from shared.settings import Settings

TIMEOUT_S = 15.0
SOON = timedelta(days=7)


async def examine(settings: Settings) -> list[Finding]:
    """Raises nothing."""
    try:
        async with asyncio.timeout(TIMEOUT_S), open_keys(settings) as keys:
            people, agencies = await keys.listed(Sort.PERSON), await keys.listed(Sort.AGENCY)
    except (DatabaseError, TimeoutError) as error:
        return [bad("keys", f"cannot be read: {in_words(error)}", "see what this page says of MongoDB")]
    return list(judge(people, agencies, real()))


def judge(people: Sequence[Holder], agencies: Sequence[Holder], now: datetime) -> Iterator[Finding]:
    """Of all holders of keys."""
    valid_people = [p for p in people if p.in_force(now)]
    valid_agencies = [a for a in agencies if a.in_force(now)]
    if not any(p.rights.has_role(Role.ADMIN) for p in valid_people):
        yield look("keys", "nobody has an admin's key", "`desk person add NAME --role admin`, or DESK_ADMIN_KEY")
    if not valid_people:
        yield bad("keys", "no person has a key: nobody can look", "`desk person add NAME --role viewer`")
    if not valid_agencies:
        yield bad(
            "keys", "no agency has a key: nobody can report", "`desk agency add NAME --region CODE --kind reports`"
        )
    for holder in (*valid_people, *valid_agencies):
        last = _ends(holder, now)
        if last is not None and last - now < SOON:
            sort = "agency" if holder.rights.agency else "person"
            advice = f"`desk {sort} rotate {holder.rights.name}` makes a new one; both work for a while"
            yield look("keys", f"the last key of {holder.rights.name} ends on {last:%Y-%m-%d %H:%M} UTC", advice)
    yield ok("keys", f"{len(valid_people)} people and {len(valid_agencies)} agencies have valid ones")


def _ends(holder: Holder, now: datetime) -> datetime | None:
    """When its last key ends; None if one has no end."""
    ends = [key.expires_at for key in holder.in_force(now)]
    return max(e for e in ends if e is not None) if all(e is not None for e in ends) else None
