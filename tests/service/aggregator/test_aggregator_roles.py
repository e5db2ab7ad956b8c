"""The matrix of roles: every call of the aggregator that there is, with every sort of key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared.access.keys import Kind, Role
from shared.clock import real

if TYPE_CHECKING:
    from tests.service.aggregator.conftest import Bench

EVERYTHING: dict[str, Any] = {"agency": "kpu", "kinds": frozenset(Kind), "regions": ("*",)}
# Endless answers are read by their own tests; here it matters only who is turned away.
ENDLESS = ("/v1/stream",)
OWN = "/v1/events/"  # an agency's key reads what became of its own events

ROLES: list[tuple[str, dict[str, Any], int]] = [
    ("unknown key", {}, 401),
    ("revoked", {"role": Role.ADMIN, "is_revoked": True}, 401),
    ("expired", {"role": Role.ADMIN, "expires_at": real() - timedelta(seconds=1)}, 401),
    ("agency", EVERYTHING, 403),
    ("viewer", {"role": Role.VIEWER}, 200),
    ("operator", {"role": Role.OPERATOR}, 200),
    ("admin", {"role": Role.ADMIN}, 200),
]


@pytest.mark.parametrize(("rights", "status"), [r[1:] for r in ROLES], ids=[r[0] for r in ROLES])
async def test_matrix_of_roles(bench: Bench, rights: dict[str, Any], status: int) -> None:
    """People read, whatever their role; an agency reads its own events alone; ended keys are no keys."""
    key = await bench.key(**rights) if rights else "desk_nobody_x"
    paths = [path for path in (await bench.json("/openapi.json"))["paths"] if path.startswith("/v1/")]
    assert len(paths) >= 7
    for path in paths:
        if status == 200 and path in ENDLESS:
            continue
        asked = path.format(code="64.72", period="2024-11-18", agency="kpu", event_id="e1", report_id="r1")
        answered = (await bench.get(asked, key)).status
        if status == 200 or (status == 403 and path.startswith(OWN)):
            assert answered in (200, 404), path
        else:
            assert answered == status, path
