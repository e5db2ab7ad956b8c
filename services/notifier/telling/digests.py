"""Digests: changes of alerts that are told together, those of one rule, period and province in one message. Pure.

A message says what has changed since the last one, by name, and how all stand now. It tells of one kind of change,
alarms or ends, and of each alert once, so that whoever is told of an alarm is told of its end, and nobody else.

Texts of a rule, all of them optional, beside those that tell a change alone: `digest`, how all stand, with `names`;
`digest.complete`, the same if there is nobody to name; `digest.<change>`, several who changed in the same way, with
`names`, and `digest.<change>.each`, what is said of each of them there. Where some are excused, `digest_excused` and
`digest.complete_excused` instead of the first two, with `excused`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.notices import notices
from services.notifier.notices.naming import MOST_NAMED, Text, joined, named, others, plain
from services.notifier.notices.notices import Notice
from shared.election.calendar import Calendar
from shared.election.roster import province_of
from shared.texts import catalogue

Document = dict[str, Any]
Changes = Sequence[tuple[Document, Document]]  # alerts, each with one change of it
COLLECTION = "digests"

MOST_ALERTS = 500  # in one message; the rest is told in the next
_MOST_SENTENCES = 10


def series_of(alert: Document) -> str:
    """What a digest is one of: `missing-report:2024-11-18:64`."""
    return f"{alert['rule']}:{alert['period'] or '-'}:{province_of(alert['region'])}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How all stand now whom a receiver is told of: codes of those for whom it is not well, and numbers. `is_whole`:
    it is told of the whole province. `excused` are codes of those who owe nothing any more."""

    open: tuple[str, ...]
    counts: Mapping[str, int]
    is_whole: bool = True
    excused: tuple[str, ...] = ()


def first_changes(waiting: Iterable[Document]) -> list[Document]:
    """What the next message tells: of each alert that waits its oldest change. In the form of a frozen digest."""
    return [{"alert": alert["_id"], "revision": alert["to_digest"][0]["revision"]} for alert in waiting]


def frozen_changes(frozen: Iterable[Document], known: Mapping[str, Document]) -> dict[str, list[tuple[Any, Any]]]:
    """The changes of a frozen digest by their kind. Those that were planned meanwhile are not there any more."""
    found: dict[str, list[tuple[Document, Document]]] = {}
    for told in frozen:
        alert = known[told["alert"]]
        for change in alert["to_digest"]:
            if change["revision"] == told["revision"]:
                found.setdefault(change["change"], []).append((alert, change))
    return found


def of_changes(series: str, number: int, changed: Changes, standing: Standing | None, calendar: Calendar) -> Notice:
    """The message of one kind of change, the `number`th of its series; without a standing only of what changed."""
    first, kind = changed[0][0], changed[0][1]["change"]
    province = province_of(first["region"])
    is_whole = standing is None or standing.is_whole
    where = {
        "where": notices.where(province, calendar, is_whole=is_whole),
        "period": notices.local_day(first["period"]),
    }
    how_all_stand = _standing(first["rule"], standing, where, calendar) if standing and _is_news(changed) else []
    sentences = [*_changes(changed, where, calendar), *how_all_stand]
    if how_all_stand and standing and _is_all_said(changed, standing):
        sentences = how_all_stand
    at = max(change["at"] for _alert, change in changed)
    told = [alert for alert, _change in changed]
    said, why = _in_a_row(sentences), [change for _alert, change in changed]
    notice = notices.made(f"{series}~{number}-{kind}", said, told, kind, at, province, why)
    if standing:
        notice.payload["data"]["counts"] = dict(standing.counts)
    return notice


def _is_news(changed: Changes) -> bool:
    """Whether nothing that has happened since is still to be told: how all stand now would deny what is told."""
    return all(alert["to_digest"][-1]["revision"] == change["revision"] for alert, change in changed)


def _is_all_said(changed: Changes, standing: Standing) -> bool:
    """Whether naming those who stand open names whoever is new, of whom the rule has no more to say."""
    rule, kind = changed[0][0]["rule"], changed[0][1]["change"]
    is_new = kind == alerts.RAISED and not _has(f"{rule}.digest.{kind}")
    return is_new and {alert["region"] for alert, _change in changed} == set(standing.open)


def _in_a_row(sentences: Sequence[Text]) -> Text:
    """One after the other; what people write at the end of one need not end with a full stop."""
    ended = [{lang: _ended(said) for lang, said in sentence.items()} for sentence in sentences[:-1]]
    return joined([*ended, *sentences[-1:]], " ")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _changes(changed: Changes, where: Document, calendar: Calendar) -> list[Text]:
    """What changed: a sentence for those who changed in the same way."""
    by_key: dict[str, list[tuple[Document, Document]]] = {}
    for alert, change in changed:
        by_key.setdefault(notices.key_of(alert, change), []).append((alert, change))
    return [said for key, alike in by_key.items() for said in _alike(key, alike, where, calendar)]


def _alike(key: str, alike: Changes, where: Document, calendar: Calendar) -> list[Text]:
    together = f"{alike[0][0]['rule']}.digest.{key}"
    if len(alike) == 1 or not _has(together):
        alone = [notices.in_words(key, alert, change, calendar) for alert, change in alike[:_MOST_SENTENCES]]
        return [*alone, *others(len(alike) - _MOST_SENTENCES)]
    names = [_one(f"digest.{key}.each", alert, change, calendar) for alert, change in alike[:MOST_NAMED]]
    return [notices.in_both(together, {**where, "names": named(names, len(alike))})]


def _one(key: str, alert: Document, change: Document, calendar: Calendar) -> Text:
    if _has(f"{alert['rule']}.{key}"):
        return notices.in_words(key, alert, change, calendar)
    return plain(calendar.roster.full_name(alert["region"]))


def _standing(rule: str, standing: Standing, where: Document, calendar: Calendar) -> list[Text]:
    key = f"{rule}.digest{'' if standing.open else '.complete'}{'_excused' if standing.excused else ''}"
    if not _has(key):
        return []
    names = notices.regions_named(standing.open, calendar)
    excused = notices.regions_named(standing.excused, calendar)
    return [notices.in_both(key, {**where, **standing.counts, "names": names, "excused": excused})]


def _has(key: str) -> bool:
    return key in catalogue("notices")
