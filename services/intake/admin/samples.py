"""What the admin API answers to the bodies that its documents show, made by what makes the answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from services.intake.admin.kinds import HolderKind
from shared.access.holders import OVERLAP, Holder, IssuedKey, revoked, with_key
from shared.http.openapi import keeping_nulls

_AT = datetime(2024, 11, 18, 1, tzinfo=UTC)
_LATER = _AT + timedelta(hours=1)
_BY = "root"


def listed(kind: HolderKind) -> Any:
    """The answer to a call that lists."""
    return _shown(kind.listed(items=[_json(kind, _added(kind))], next=None))


def added(kind: HolderKind) -> Any:
    """The answer to a call that adds a holder."""
    return _shown(kind.with_key(**_json(kind, _added(kind)), key=_prefix(kind, "AbC4") + "..."))


def rotated(kind: HolderKind) -> Any:
    """The answer to a call that adds a key."""
    return _shown(kind.with_key(**_json(kind, _rotated(kind)), key=_prefix(kind, "x7Qp") + "..."))


def after_revocation(kind: HolderKind) -> Any:
    """The answer to a call that ends the older one of two keys."""
    holder, ended = revoked(_rotated(kind), _prefix(kind, "AbC4"), _LATER, _BY)
    return _shown(kind.after_revocation(**_json(kind, holder), revoked=ended))


def changed(kind: HolderKind) -> Any:
    """The answer to a call that changes rights."""
    holder = _added(kind)
    (example,) = kind.change.examples.values()
    changes = kind.change.model_construct(**example["value"]).changes()
    return _shown(kind.shown(replace(holder, rights=replace(holder.rights, **changes)), _LATER))


def _added(kind: HolderKind) -> Holder:
    (example,) = kind.add.examples.values()
    rights = kind.add.model_construct(**example["value"]).rights()
    return Holder(rights, (_key(rights.name, "AbC4", _AT),), _AT, _BY)


def _rotated(kind: HolderKind) -> Holder:
    holder = _added(kind)
    return with_key(holder, _key(holder.rights.name, "x7Qp", _LATER), _LATER, OVERLAP)


def _key(name: str, shown: str, at: datetime) -> IssuedKey:
    return IssuedKey("", f"desk_{name}_{shown}", at, _BY)


def _prefix(kind: HolderKind, shown: str) -> str:
    return _key(_added(kind).rights.name, shown, _AT).prefix


def _json(kind: HolderKind, holder: Holder) -> dict[str, Any]:
    return kind.shown(holder, _LATER).model_dump()


def _shown(answer: BaseModel) -> Any:
    return keeping_nulls(answer.model_dump(mode="json"))
