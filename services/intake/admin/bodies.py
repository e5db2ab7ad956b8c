"""What an administrator sends, pure: as strict as a submission."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from services.intake.admin.fields import EventsPerMinute, Expiry, Kinds, Name, Overlap, Regions
from shared.access.holders import LONGEST_OVERLAP, OVERLAP
from shared.access.keys import Grant, Role
from shared.election.durations import format_duration
from shared.events.envelope import Frozen
from shared.strict import ShortText


class AddAgency(Frozen):
    """A new agency and its first key."""

    examples: ClassVar[dict[str, Any]] = {
        "election_commission": {
            "summary": "Samarinda's election commission sends reports and incidents of its city",
            "value": {
                "agency": "kpu-samarinda",
                "kinds": ["reports", "incidents"],
                "regions": ["64.72"],
                "expires_at": "2099-01-31T00:00:00+08:00",
            },
        }
    }

    agency: Name = Field(description="its short name; it stands in its key and in each of its events")
    kinds: Kinds
    regions: Regions
    expires_at: Expiry | None = None
    events_per_minute: EventsPerMinute | None = None

    def rights(self) -> Grant:
        return Grant(
            name=self.agency,
            agency=self.agency,
            kinds=frozenset(self.kinds),
            regions=self.regions,
            events_per_minute=self.events_per_minute,
        )


class AddPerson(Frozen):
    """A new person and their first key."""

    examples: ClassVar[dict[str, Any]] = {
        "operator": {
            "summary": "Somebody who acknowledges alerts at the provincial desk",
            "value": {"person": "ani", "role": "operator"},
        }
    }

    person: Name = Field(description="a short name; it stands in the key and beside everything they do")
    role: Role
    expires_at: Expiry | None = None

    def rights(self) -> Grant:
        return Grant(name=self.person, role=self.role)


class Rotate(Frozen):
    """One key more; the one in force ends after `overlap`."""

    examples: ClassVar[dict[str, Any]] = {
        "plain": {"summary": "The old key works for another seven days", "value": {}},
        "leaked": {
            "summary": "The old key ends at once",
            "value": {"overlap": "0s", "expires_at": "2099-01-31T00:00:00+08:00"},
        },
    }

    overlap: Overlap = Field(
        OVERLAP,
        description=f"how long the old key still works: a number and s, m, h or d; "
        f"at most {format_duration(LONGEST_OVERLAP)}, {format_duration(OVERLAP)} if it is left out",
    )
    expires_at: Expiry | None = None


class Revoke(Frozen):
    """End all keys, or one."""

    examples: ClassVar[dict[str, Any]] = {
        "all": {"summary": "All keys", "value": {}},
        "one": {"summary": "One of two keys", "value": {"key": "desk_kpu-samarinda_AbC4"}},
    }

    # Never null: a client that lost the prefix it meant must not end all keys.
    key: ShortText = Field("", description="the `prefix` of the one key to revoke; left out: all")


class ChangeAgency(Frozen):
    """Other rights; what is left out stays."""

    examples: ClassVar[dict[str, Any]] = {
        "more": {"summary": "Logistics too", "value": {"kinds": ["reports", "incidents", "logistics"]}}
    }

    kinds: Kinds | None = None
    regions: Regions | None = None
    events_per_minute: EventsPerMinute | None = None

    def changes(self) -> dict[str, Any]:
        changed = {"kinds": frozenset(self.kinds) if self.kinds else None, "regions": self.regions}
        given = {name: value for name, value in changed.items() if value is not None}
        # Null says something here: no number of its own any more.
        own = {"events_per_minute": self.events_per_minute}
        return {**given, **own} if "events_per_minute" in self.model_fields_set else given


class ChangePerson(Frozen):
    """Another role."""

    examples: ClassVar[dict[str, Any]] = {"admin": {"summary": "May administer", "value": {"role": "admin"}}}

    role: Role

    def changes(self) -> dict[str, Any]:
        return {"role": self.role}
