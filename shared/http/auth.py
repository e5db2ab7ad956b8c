"""Keys at the door: each request's grant, and the role or right it needs."""

from __future__ import annotations

from fastapi import Request, params

from shared.access.keys import Grant, Role
from shared.access.store import AccessStore, AccessUnknown
from shared.http.auth_header import bearer_key
from shared.http.problems import Problem


async def grant_of(request: Request, access: AccessStore, is_fresh: bool = False) -> Grant:
    """The rights of the request's key; with `is_fresh` as the database has them now, whatever was known a moment ago.
    Raises Problem 401, or 503 while an unseen key cannot be checked."""
    return await grant_with(bearer_key(request), access, is_fresh)


async def grant_with(key: str | None, access: AccessStore, is_fresh: bool = False) -> Grant:
    """As `grant_of`, of a key that came in another way than as a bearer's."""
    if key is None:
        raise Problem(401, "unauthorized", "unauthorized_detail")
    look_up = access.fresh_grant_of if is_fresh else access.grant_of
    try:
        grant = await look_up(key)
    except AccessUnknown:
        raise Problem(503, "unavailable", "unavailable_access") from None
    if grant is None:
        raise Problem(401, "unauthorized", "unauthorized_key")
    return grant


async def person(request: Request, access: AccessStore, role: Role = Role.VIEWER, is_fresh: bool = False) -> Grant:
    """The grant of a person with at least `role`. Raises Problem 401, 403 or 503."""
    return await person_with(bearer_key(request), access, role, is_fresh)


async def person_with(key: str | None, access: AccessStore, role: Role = Role.VIEWER, is_fresh: bool = False) -> Grant:
    """As `person`, of a key that came in another way than as a bearer's."""
    grant = await grant_with(key, access, is_fresh)
    if not grant.has_role(role):
        raise Problem(403, "forbidden", "forbidden_role", role=role.value)
    return grant


def for_people(access: AccessStore, role: Role = Role.VIEWER, is_fresh: bool = False) -> params.Depends:
    """The dependency of calls that people with at least `role` may make; `caller` says who does."""

    async def let_in(request: Request) -> None:
        request.state.person = await person(request, access, role, is_fresh)

    return params.Depends(let_in)


def caller(request: Request) -> str:
    """The name of whom `for_people` has let in."""
    return str(request.state.person.name)
