"""The two kinds of holders as the admin API speaks of them: a table of what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from services.intake.admin import answers, bodies
from shared.access.holders import Sort


@dataclass(frozen=True)
class HolderKind:
    """What differs between agencies and people."""

    sort: Sort
    path: str
    add: type[bodies.AddAgency] | type[bodies.AddPerson]
    change: type[bodies.ChangeAgency] | type[bodies.ChangePerson]
    shown: Callable[..., BaseModel]
    answer: type[BaseModel]
    listed: type[BaseModel]
    with_key: type[BaseModel]
    after_revocation: type[BaseModel]


HOLDER_KINDS = (
    HolderKind(
        sort=Sort.AGENCY,
        path="/agencies",
        add=bodies.AddAgency,
        change=bodies.ChangeAgency,
        shown=answers.agency_shown,
        answer=answers.AgencyShown,
        listed=answers.Agencies,
        with_key=answers.NewAgencyKey,
        after_revocation=answers.RevokedAgency,
    ),
    HolderKind(
        sort=Sort.PERSON,
        path="/people",
        add=bodies.AddPerson,
        change=bodies.ChangePerson,
        shown=answers.person_shown,
        answer=answers.PersonShown,
        listed=answers.People,
        with_key=answers.NewPersonKey,
        after_revocation=answers.RevokedPerson,
    ),
)
