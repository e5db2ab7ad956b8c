"""Puts together what tells: from changes of alerts to deliveries that the senders find, and what waits or presses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.holding.held_store import HeldStore
from services.notifier.holding.muting import Muting
from services.notifier.holding.releasing import Releasing
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.routing.receivers import Receivers
from services.notifier.routing.routing import Routing
from services.notifier.store import Store
from services.notifier.telling.escalating import Escalating
from services.notifier.telling.planned_deliveries import PlannedDeliveries, PlansAndSends
from services.notifier.telling.planning import Planning
from shared.election.calendar import Calendar
from shared.loops import Loop
from shared.metrics import Metrics

_FOLLOW_S = 0.25


def build_telling(
    store: Store,
    receivers: Receivers,
    calendar: Calendar,
    now: Callable[[], Awaitable[datetime]],
    wake_senders: Callable[[], None],
    metrics: Metrics,
    at_once: Mapping[str, PlansAndSends] = MappingProxyType({}),
) -> list[Loop]:
    """The loops. `now` is the election's time by the database's clock; `at_once` are the senders, by receiver."""
    routing, max_age = Routing(receivers), receivers.max_notice_age
    deliveries, held = DeliveryStore(store.database), HeldStore(store.database)
    muting = Muting(store, SilenceStore(store.database), calendar, routing)
    planned = PlannedDeliveries(deliveries, muting, routing, now, max_age)
    planning = Planning(store, deliveries, calendar, receivers, muting, now, wake_senders, at_once)
    releasing = Releasing(store, held, muting, now, wake_senders)
    escalating = Escalating(store, held, planned, calendar, routing, now, max_age, wake_senders)
    return [
        Loop("plan", planning.step, metrics, _FOLLOW_S),
        Loop("digest", planning.digesting.step, metrics, _FOLLOW_S),
        Loop("release", releasing.step, metrics),
        Loop("escalate", escalating.step, metrics),
    ]
