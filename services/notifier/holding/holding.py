"""What waits instead of being told, why, and what becomes of it when nothing holds it any more. Pure.

A notice is held by a silence, by an alert that inhibits it, or by its reader's quiet hours; then its delivery waits in
the state `held`. When the hold ends it is told if it is still true, else it is suppressed, with the reason. An alarm's
end is told to those alone who are told of the alarm: it waits for the alarm and shares its fate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_states import HELD, PENDING, SUPPRESSED
from services.notifier.holding import silences
from shared.events.alert import AlertState

Document = dict[str, Any]

SILENCE, INHIBITION, QUIET_HOURS = "silence", "inhibition", "quiet-hours"


class Because(StrEnum):
    """Why a delivery is suppressed: a key of `shared/texts/deliveries.yaml`."""

    TOO_OLD = "too_old"
    NO_LONGER_TRUE = "no_longer_true"
    SUPERSEDED = "superseded"
    ALARM_NOT_TOLD = "alarm_not_told"
    EARLIER_WAITS = "earlier_waits"


@dataclass(frozen=True, slots=True)
class Hold:
    """`by` is what holds it: `silence:<id>`, `inhibition:<alert id>` or `quiet-hours:<team>`. `until` is in the
    election's time; None where nobody knows."""

    by: str
    until: datetime | None


def holder_of(hold_by: str) -> tuple[str, str]:
    """What kind of thing holds, and which one."""
    kind, _, which = hold_by.partition(":")
    return kind, which


def told_alerts(payload: Document) -> list[Document]:
    """The alerts that a notice tells of, as they were then."""
    found: list[Document] = payload["data"]["alerts"]
    return found


def is_end(payload: Document) -> bool:
    return bool(payload["data"]["change"] == alerts.RESOLVED)


def silenced(told: Iterable[Document], known: Sequence[Document], now: datetime) -> Hold | None:
    """The silence that holds a notice of these alerts: each of them must be muted by one. Of several the one that
    lasts longest."""
    active = [s for s in known if silences.state_at(s, now) is silences.SilenceState.ACTIVE]
    over = [
        max((s for s in active if silences.mutes(s, alert["rule"], alert["region"])), key=_lasts, default=None)
        for alert in told
    ]
    if not over or None in over:
        return None
    last = max((s for s in over if s is not None), key=_lasts)
    return Hold(f"{SILENCE}:{last['_id']}", last["over_at"])


def _lasts(silence: Document) -> tuple[datetime, str]:
    return silence["over_at"], silence["_id"]


class Awareness(StrEnum):
    """What a receiver knows of an alarm."""

    UNPLANNED = "unplanned"  # nothing was ever planned for it
    TOLD = "told"  # or about to be: also where it could not be reached, which may have read it
    WAITS = "waits"
    NOT_TOLD = "not_told"


def awareness_of(earlier: Sequence[Document]) -> tuple[Awareness, Document | None]:
    """What a receiver knows of an alert, by its earlier deliveries about it in their order, and the one that waits.
    What counts are the alarms since it fired last."""
    episode = _episode(earlier)
    if not episode:
        return Awareness.UNPLANNED, None
    if any(d["state"] not in (HELD, SUPPRESSED) for d in episode):
        return Awareness.TOLD, None
    waits = next((d for d in reversed(episode) if d["state"] == HELD), None)
    return (Awareness.WAITS, waits) if waits else (Awareness.NOT_TOLD, None)


def _episode(earlier: Iterable[Document]) -> list[Document]:
    """The alarms since the last end that an alarm followed: an end may be corrected by another."""
    episode: list[Document] = []
    has_ended = False
    for delivery in earlier:
        if is_end(delivery["payload"]):
            has_ended = True
            continue
        episode = [delivery] if has_ended else [*episode, delivery]
        has_ended = False
    return episode


def fate_of_end(payload: Document, alert_ids: Iterable[str], earlier: Sequence[Document]) -> Hold | Because | None:
    """What becomes of an end, by what its receiver knows of the alarms: None if it is to be told, as every alarm is.
    One whose alarm waits waits with it."""
    if not is_end(payload):
        return None
    found = [awareness_of([d for d in earlier if alert_id in d["alerts"]]) for alert_id in alert_ids]
    if any(awareness in (Awareness.TOLD, Awareness.UNPLANNED) for awareness, _ in found):
        return None
    alarm = next((delivery for _, delivery in found if delivery is not None), None)
    return Hold(alarm["held_by"], alarm["held_until"]) if alarm else Because.ALARM_NOT_TOLD


def fate_of_reminder(payload: Document, alert_ids: Iterable[str], earlier: Sequence[Document]) -> Because | None:
    """Whoever is still to be sent the alarm, or waits for it, is not reminded of it: a receiver that comes back finds
    no pile, and one that wakes up the alarm itself."""
    if payload["data"]["change"] != alerts.REPEATED:
        return None
    found = [awareness_of([d for d in earlier if alert_id in d["alerts"]])[0] for alert_id in alert_ids]
    is_unsent = any(d["state"] == PENDING for d in earlier)
    return Because.EARLIER_WAITS if is_unsent or set(found) == {Awareness.WAITS} else None


def no_longer_told(delivery: Document, known: Mapping[str, Document], later: Iterable[Document]) -> Because | None:
    """Why an alarm or an end is not told after all; None if it is to be told. `known` are its alerts as they stand;
    `later` the receiver's later deliveries about them."""
    ids = delivery["alerts"]
    if is_end(delivery["payload"]):
        is_true = any(known[i]["state"] == AlertState.RESOLVED for i in ids if i in known)
        return None if is_true else Because.NO_LONGER_TRUE
    wanted = _STILL_TRUE_IN.get(delivery["payload"]["data"]["change"], _UNRESOLVED)
    left = {i for i in ids if i in known and known[i]["state"] in wanted}
    if not left:
        return Because.NO_LONGER_TRUE
    alarms = (d for d in later if d["state"] != SUPPRESSED and not is_end(d["payload"]))
    return Because.SUPERSEDED if any(left <= set(d["alerts"]) for d in alarms) else None


_UNRESOLVED = (AlertState.FIRING, AlertState.ACKNOWLEDGED)
# Who is reminded although somebody has taken it on meanwhile has been disturbed for nothing.
_STILL_TRUE_IN: Mapping[str, tuple[AlertState, ...]] = {
    alerts.ESCALATED: (AlertState.FIRING,),
    alerts.REPEATED: (AlertState.FIRING,),
}
