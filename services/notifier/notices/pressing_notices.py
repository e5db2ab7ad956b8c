"""What is told of alerts that nobody has acknowledged: the texts are shared/texts/pressing.yaml. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.notifier.notices import notices
from services.notifier.notices.naming import Text
from services.notifier.notices.notices import Notice
from services.notifier.telling.escalation import Press
from shared.election.calendar import Calendar
from shared.election.durations import format_duration
from shared.election.roster import province_of
from shared.texts import LANGUAGES, Language, catalogue, text

Document = dict[str, Any]


def of_press(press: Press, told: Sequence[Document], said: Text | None, calendar: Calendar) -> Notice:
    """The notice of alerts that nobody has acknowledged for so long: one, or those of a rule, a period and a province.
    `said` is the text of the alarm; None for those that are told by name."""
    first = told[0]
    region = first["region"] if said else province_of(first["region"])
    about = first["_id"] if said else f"{first['rule']}:{first['period'] or '-'}:{region}"
    names = notices.regions_named(sorted(alert["region"] for alert in told), calendar)
    what = said or _by_name(first["rule"], notices.local_day(first["period"]), names)
    text_of = {
        lang: text("pressing", press.change, lang, after=_span(press.after, lang), what=what[lang])
        for lang in LANGUAGES
    }
    notice_id = f"{about}!{press.change}@{press.at:%Y-%m-%dT%H:%M:%SZ}"
    return notices.made(notice_id, text_of, told, press.change, press.at, region)


def _by_name(rule: str, period: str, names: Text) -> Text:
    """A rule's alerts of one period, or of none, by names."""
    key = "by_name.period" if period else "by_name.always"
    return {
        lang: text("pressing", key, lang, label=_label(rule, lang), period=period, names=names[lang])
        for lang in LANGUAGES
    }


def _label(rule: str, language: Language) -> str:
    return catalogue("pressing").get(f"rule.{rule}", {}).get(language, rule)


def _span(length: timedelta, language: Language) -> str:
    """`30 menit`."""
    short = format_duration(length)
    return text("pressing", f"span.{short[-1]}", language, n=short[:-1])
