"""The forms there are, and what was typed into one as the bytes that the API takes, pure.

A field is called by its path in the body, `topics.logistics` or `evidence.0.url`: that is also what an error names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from ulid import ULID

from services.intake.pages.local_time import with_offset
from services.intake.submissions.body import Body
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.report import ReportBody
from services.intake.submissions.withdrawal import WithdrawalBody
from shared.access.keys import Kind
from shared.election.calendar import Calendar
from shared.texts import LANGUAGE

Typed = Mapping[str, str]

SECTIONS = ("logistics", "security", "voters", "neutrality")
# What a form's buttons say: another language, the regions below the chosen one. Nothing is sent then. What it carries
# besides its fields: the region to which the list was narrowed; a digest of what was tried and not confirmed.
NARROW = "narrow"
CONTROLS = (LANGUAGE, NARROW, "within", "tried")
BELOW = "below"
MOST_BYTES = 65_536  # of all that is typed into one


@dataclass(frozen=True, slots=True)
class Form:
    """One form. `linked` are the fields that an address may fill in, `hidden` those that nobody sees; `times` hold
    local times."""

    path: str
    body: type[Body]
    right: Kind
    fields: tuple[str, ...]
    linked: tuple[str, ...]
    hidden: tuple[str, ...]
    times: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        return self.body.called

    @property
    def shown(self) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name not in self.hidden)

    @property
    def has_own_id(self) -> bool:
        return "id" in self.fields


REPORT = Form(
    path="/report",
    body=ReportBody,
    right=Kind.REPORTS,
    fields=(
        *("id", "replaces", "region", "period", "condition", "summary"),
        *(f"topics.{section}" for section in SECTIONS),
        "source_office",
    ),
    linked=("id", "replaces", "region", "period"),
    hidden=("id", "replaces"),
)
INCIDENT = Form(
    path="/incident",
    body=IncidentBody,
    right=Kind.INCIDENTS,
    fields=(
        *("id", "region", "category", "occurred_at", "description", "severity", "place", "polling_station"),
        *("reported_party", "evidence.0.url", "source_office"),
    ),
    linked=("id", "region"),
    hidden=("id",),
    times=("occurred_at",),
)
WITHDRAWAL = Form(
    path="/withdraw",
    body=WithdrawalBody,
    right=Kind.REPORTS,
    fields=("report", "region", "period", "reason"),
    linked=("report", "region", "period"),
    hidden=("report", "region", "period"),
)
FORMS: Mapping[str, Form] = {form.called: form for form in (REPORT, INCIDENT, WITHDRAWAL)}
EVERY_FIELD = frozenset(name for form in FORMS.values() for name in form.fields)


def is_form_id(sent: str | None) -> bool:
    """Whether it is an id as we make them for a form."""
    try:
        return sent is not None and str(ULID.from_str(sent)) == sent
    except ValueError:
        return False


def after_button(typed: Typed) -> Typed:
    """What was typed, after the buttons that change which regions are offered: those below the chosen one, or all."""
    if NARROW not in typed:
        return typed
    if typed[NARROW] == BELOW:
        return {**typed, "within": typed.get("region", "")}
    return {name: value for name, value in typed.items() if name not in ("region", "within")}


def digest(form: Form, typed: Typed) -> str:
    """The same for the same content, whatever its id."""
    said = [_tidy(typed.get(name, "")) for name in form.fields if name not in form.hidden]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()[:16]


def to_json(form: Form, typed: Typed, calendar: Calendar) -> bytes:
    """The body in what was typed: what was left empty is left out."""
    content: dict[str, Any] = {}
    for name in form.fields:
        said = _tidy(typed.get(name, ""))
        if said:
            if name in form.times:
                said = with_offset(said, calendar.zone(_known(typed, calendar)))
            _put(content, name, said)
    return orjson.dumps(content)


def _known(typed: Typed, calendar: Calendar) -> str:
    """The region whose clock is meant; a wrong one means the election's zone."""
    code = typed.get("region", "")
    return code if code in calendar.roster else ""


def _tidy(typed: str) -> str:
    """Browsers end a line of a text with CR LF; space around it is nobody's intention."""
    return typed.replace("\r\n", "\n").strip()


def _put(content: dict[str, Any], name: str, said: str) -> None:
    head, *rest = name.split(".")
    if not rest:
        content[head] = said
    elif rest[0] == "0":
        content[head] = [{rest[1]: said}]
    else:
        content.setdefault(head, {})[rest[0]] = said
