"""What the admin API answers, pure: holders with their keys, never a hash, and a key once."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from shared.access.holders import Holder, IssuedKey, KeyState
from shared.access.keys import Kind, Role

_PREFIX = "desk_kpu-samarinda_AbC4"


class KeyShown(BaseModel):
    """A key as it may be shown."""

    prefix: str = Field(description="its beginning, which tells it from the other one", examples=[_PREFIX])
    state: KeyState
    created_at: datetime
    created_by: str = Field(examples=["ani"])
    expires_at: datetime | None = Field(description="null: never")
    revoked_at: datetime | None
    revoked_by: str | None

    @classmethod
    def of(cls, key: IssuedKey, now: datetime) -> KeyShown:
        return cls(
            prefix=key.prefix,
            state=key.state_at(now),
            created_at=key.created_at,
            created_by=key.created_by,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            revoked_by=key.revoked_by,
        )


class AgencyShown(BaseModel):
    """An agency with its rights and all keys that it ever had, the latest last."""

    agency: str = Field(examples=["kpu-samarinda"])
    kinds: list[Kind]
    regions: list[str] = Field(examples=[["64.72"]])
    events_per_minute: int | None = Field(description="null: the setting's default")
    created_at: datetime
    created_by: str = Field(examples=["ani"])
    keys: list[KeyShown]


class PersonShown(BaseModel):
    """A person with their role and all keys that they ever had, the latest last."""

    person: str = Field(examples=["ani"])
    role: Role
    created_at: datetime
    created_by: str = Field(examples=["admin"])
    keys: list[KeyShown]


class NewAgencyKey(AgencyShown):
    key: str = Field(description="shown only now", examples=[_PREFIX + "..."])


class NewPersonKey(PersonShown):
    key: str = Field(description="shown only now", examples=["desk_ani_x7Qp..."])


class RevokedAgency(AgencyShown):
    revoked: list[str] = Field(description="the prefixes of the keys that this call ended", examples=[[_PREFIX]])


class RevokedPerson(PersonShown):
    revoked: list[str] = Field(
        description="the prefixes of the keys that this call ended", examples=[["desk_ani_x7Qp"]]
    )


class Agencies(BaseModel):
    items: list[AgencyShown]
    next: str | None = Field(description="the `cursor` of the next page")


class People(BaseModel):
    items: list[PersonShown]
    next: str | None = Field(description="the `cursor` of the next page")


def agency_shown(holder: Holder, now: datetime) -> AgencyShown:
    rights = holder.rights
    return AgencyShown(
        agency=rights.name,
        kinds=sorted(Kind(kind) for kind in rights.kinds),
        regions=list(rights.regions),
        events_per_minute=rights.events_per_minute,
        created_at=holder.created_at,
        created_by=holder.created_by,
        keys=[KeyShown.of(key, now) for key in holder.keys],
    )


def person_shown(holder: Holder, now: datetime) -> PersonShown:
    assert holder.rights.role is not None
    return PersonShown(
        person=holder.rights.name,
        role=holder.rights.role,
        created_at=holder.created_at,
        created_by=holder.created_by,
        keys=[KeyShown.of(key, now) for key in holder.keys],
    )
