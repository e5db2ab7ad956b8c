"""What a person sees who was refused, pure: what was typed stays, and a word says what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.intake.pages.forms import INCIDENT, REPORT, Form, Typed, digest
from services.intake.pages.views import Said
from services.intake.pages.words import Words
from shared.field_errors import FieldError


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the form shows next; `wrong` is field -> text."""

    typed: Typed
    wrong: Mapping[str, str]
    said: Said | None


# Not a field's fault: the middle of the text's key. After these the same content is sent again under the same id.
_AGAIN = {429: "too_many", 503: "not_sure"}


def retried(form: Form, typed: Typed) -> Typed:
    """What to send when a button says "again". A report that was changed since it was tried is a correction of that
    one: nobody knows whether the first was stored, and if it was, its content would win under its id. Its new id
    follows from the content, so that a second tap is the same correction."""
    now = digest(form, typed)
    if form is not REPORT or typed.get("tried", now) in ("", now):
        return typed
    tried = typed.get("id", "")
    return {**typed, "id": f"{tried.partition('-')[0]}-{now}", "replaces": tried}


def refused(
    form: Form, typed: Typed, status: int, errors: Sequence[FieldError], seconds: int, words: Words, new_id: str
) -> Refusal:
    """After an answer of the door with this status, 4xx or 503. `new_id` is for what has to be another submission."""
    if status in _AGAIN:
        tried = {"tried": digest(form, typed)} if status == 503 else {}
        return Refusal({**typed, **tried}, {}, Said(_AGAIN[status], seconds))
    if status == 409:
        return Refusal(_another(form, typed, new_id), {}, Said(f"conflict_{form.called}"))
    if status == 403:
        return Refusal(typed, {"region": words("wrong.forbidden_region")}, None)
    return Refusal(typed, {error.field: words.wrong(error) for error in errors}, None)


def _another(form: Form, typed: Typed, new_id: str) -> Typed:
    """The same content as a submission of its own: a report as the correction of the one that was accepted."""
    own = {
        REPORT.called: {"id": new_id, "replaces": typed.get("id", "")},
        INCIDENT.called: {"id": new_id},
    }
    return {**typed, **own.get(form.called, {})}
