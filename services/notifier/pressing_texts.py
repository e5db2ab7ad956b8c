"""What is said of alerts that nobody has acknowledged, in both languages (shared/texts/pressing.yaml). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.notifier.escalation import Press
from shared.election.durations import format_duration
from shared.texts import Language, catalogue, text

_LANGUAGES: tuple[Language, ...] = ("id", "en")
_MOST_NAMES = 50


def of_press(press: Press, what: Mapping[str, str]) -> dict[Language, str]:
    """`what` says what the alerts are."""
    return {
        lang: text("pressing", press.change, lang, after=_span(press.after, lang), what=what[lang])
        for lang in _LANGUAGES
    }


def by_name(rule: str, period: str, names: Sequence[str]) -> dict[str, str]:
    """A rule's alerts of one period, by names: up to a limit, then how many more."""
    return {
        lang: text("pressing", "by_name", lang, label=_label(rule, lang), period=period, names=_listed(names, lang))
        for lang in _LANGUAGES
    }


def _label(rule: str, language: Language) -> str:
    return catalogue("pressing").get(f"rule.{rule}", {}).get(language, rule)


def _listed(names: Sequence[str], language: Language) -> str:
    shown, more = ", ".join(names[:_MOST_NAMES]), len(names) - _MOST_NAMES
    return text("pressing", "and_others", language, names=shown, more=more) if more > 0 else shown


def _span(length: timedelta, language: Language) -> str:
    """`30 menit`."""
    short = format_duration(length)
    return text("pressing", f"span.{short[-1]}", language, n=short[:-1])
