"""A notice as a mail: subject, plain text and HTML, Indonesian first, times in the region's zone. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from shared.election.calendar import Calendar
from shared.events.envelope import SYSTEM
from shared.texts import LANGUAGES, Language, text

Document = dict[str, Any]
_LONGEST_SUBJECT = 120
_MOST_ALERTS = 100  # in the table of a mail; the text names them all


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    plain: str
    html: str


def mail_of(payload: Document, number: str, calendar: Calendar) -> Mail:
    """The mail of a notice's payload. `number` is the delivery's `webhook-id`, by which a repeat can be told."""
    data = payload["data"]
    sections = [_section(payload, number, language, calendar) for language in LANGUAGES]
    subject = textwrap.shorten(f"[Desk Pilkada] {data['text']['id']}", _LONGEST_SUBJECT, placeholder=" ...")
    plain = "\n\n----\n\n".join(_plain(section) for section in sections)
    return Mail(subject, plain, _template().render(sections=sections, subject=subject))


def _section(payload: Document, number: str, language: Language, calendar: Calendar) -> Document:
    """All that one language's half of a mail says."""
    data = payload["data"]
    labels = {name: text("channels", f"mail.{name}", language) for name in _LABELS}
    facts = [
        (labels["when"], _local(payload["timestamp"], data["region"], calendar)),
        (labels["where"], _named(data["region"], language, calendar)),
        (labels["rule"], data["rule"]),
    ]
    return {
        "language": language,
        "labels": labels,
        "text": data["text"][language],
        "facts": facts,
        "alerts": [_row(alert, language, calendar) for alert in data["alerts"][:_MOST_ALERTS]],
        "footer": text("channels", "mail.footer", language, number=number),
    }


_LABELS = ("greeting", "when", "where", "rule", "state", "since")


def _row(alert: Document, language: Language, calendar: Calendar) -> Document:
    return {
        "where": _named(alert["region"], language, calendar),
        "state": text("channels", f"state.{alert['state']}", language),
        "since": _local(alert["raised_at"], alert["region"], calendar),
        "id": alert["id"],
    }


def _plain(section: Document) -> str:
    facts = "\n".join(f"{label}: {value}" for label, value in section["facts"])
    alerts = "\n".join(f"- {a['where']}: {a['state']}, {a['since']} ({a['id']})" for a in section["alerts"])
    labels = section["labels"]
    return "\n\n".join(
        part for part in (labels["greeting"], section["text"], facts, alerts, section["footer"]) if part
    )


def _named(region: str, language: Language, calendar: Calendar) -> str:
    return text("channels", "everywhere", language) if region == SYSTEM else calendar.roster.full_name(region)


def _local(instant: datetime, region: str, calendar: Calendar) -> str:
    local = instant.astimezone(calendar.zone(region))
    return f"{local:%d-%m-%Y %H:%M} {local:%Z}"


@cache
def _template() -> Template:
    """Escaped, and a name that nobody gave fails."""
    source = resources.files(__package__ or "").joinpath("mail.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
