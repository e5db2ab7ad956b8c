"""Receiver failing: a notice did not reach a receiver and is given up, or the receiver wants no more. Pure.

One alert about ourselves for each receiver, told to all others. It ends when something is delivered to the receiver
again, an operator enables it, or it is not in the receivers file any more.

Beside what every alert has, its document keeps two instants of the database's time, so that settling late, twice or in
another order gives the same alert: `failed_at`, when a delivery was given up last, and `good_at`, when the receiver
was well again. What was given up before that is no news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.delivery import problems
from services.notifier.rules.rule import Always, Rule, Severity
from shared.election.calendar import Calendar
from shared.events.alert import AlertState
from shared.events.envelope import NOTIFIER, SYSTEM
from shared.texts import LANGUAGES

Document = dict[str, Any]
Clock = Callable[[datetime], datetime]  # the election's time at an instant of the database's

NAME = "receiver-failing"
GIVEN_UP = "given_up"
DELIVERED, ENABLED, REMOVED = "delivered", "enabled", "removed"
_SAID = ("receiver", "channel", "problem", "notice")


def _values(alert: Document, _calendar: Calendar) -> Document:
    said = {name: alert["details"][name] for name in _SAID}
    return {**said, "problem": {lang: problems.in_words(said["problem"], lang) for lang in LANGUAGES}}


RULE = Rule(NAME, Always(Severity.CRITICAL), is_about_the_system=True, values_of=_values)


def alert_id(receiver: str) -> str:
    return f"{NAME}:{receiver}"


def is_about(alert_ids: Iterable[str], receiver: str) -> bool:
    """Whether it is of a receiver's own failing that these alerts tell: that is no news for itself."""
    return alert_id(receiver) in alert_ids


def given_up(alert: Document, delivery: Document, clock: Clock) -> Document:
    """The alert after a delivery went dead: firing, unless the receiver is known to be well since."""
    ended = [attempt for attempt in delivery["attempts"] if attempt["outcome"] == "failed"]
    if not ended:
        return alert
    failed_at, problem = ended[-1]["ended_at"], ended[-1]["problem"]
    known = [alert[name] for name in ("failed_at", "good_at") if name in alert]
    if known and failed_at <= max(known):
        return alert
    details = {**{name: delivery[name] for name in ("receiver", "channel", "notice")}, "problem": problem}
    at, why = clock(failed_at), GIVEN_UP
    if alerts.exists(alert):
        fired = alerts.raised_again(alert, at=at, why=why, details=details)
    else:
        fired = alerts.raised(alert, region=SYSTEM, period=None, at=at, why=why, details=details)
    return {**fired, "failed_at": failed_at}


def recovered(alert: Document, receiver: Document | None, now: datetime, clock: Clock) -> Document:
    """The alert after a look at how its receiver is doing: its document, empty if nothing is known of it, None for one
    that is not told of anything any more. `now` is the database's."""
    if receiver is None:
        return _ended(alert, REMOVED, now, clock)
    if receiver.get("disabled_because"):
        return alert
    since = alert.get("failed_at")
    for field, resolution in (("last_success_at", DELIVERED), ("enabled_at", ENABLED)):
        good_at = receiver.get(field)
        if good_at is not None and (since is None or good_at > since):
            by = receiver["enabled_by"] if resolution == ENABLED else NOTIFIER
            return _ended(alert, resolution, good_at, clock, by)
    return alert


def _ended(alert: Document, resolution: str, good_at: datetime, clock: Clock, by: str = NOTIFIER) -> Document:
    if not alerts.exists(alert) or alert["state"] == AlertState.RESOLVED:
        return alert
    told = {name: alert["details"][name] for name in _SAID}
    ended = alerts.resolved(alert, at=clock(good_at), resolution=resolution, why=resolution, details=told, by=by)
    return {**ended, "good_at": good_at}
