"""Query parameters that stand twice: of two values one would be dropped without a word, and a filter that was dropped
looks like a list without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from fastapi import Request, params

from shared.http.problems import FieldError, invalid


def require_once_each(request: Request, lists: Collection[str] = ()) -> None:
    """Raises Problem 422 for parameters that stand twice: `?dry_run=1&dry_run=0` must not publish either. `lists` are
    those that may."""
    if request.scope["query_string"]:
        named = Counter(name for name, _ in request.query_params.multi_items() if name not in lists)
        if twice := [FieldError(name, "parameter_twice") for name, times in named.items() if times > 1]:
            raise invalid(twice)


def once_each(*lists: str) -> params.Depends:
    """The dependency of calls that read; `lists` are the parameters that may stand more than once."""

    async def check(request: Request) -> None:
        require_once_each(request, lists)

    return params.Depends(check)
