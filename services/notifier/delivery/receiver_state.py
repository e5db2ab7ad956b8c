"""How a receiver is doing, as the API and `desk receivers list` show it. Pure; no address is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.notifier.delivery.breaker import Breaker, breaker_of
from services.notifier.routing.addresses import Address

Document = dict[str, Any]
DISABLED, AWAY, OK = "disabled", "away", "ok"
PENDING, DEAD = "pending", "dead"  # as deliveries' states are called

_SEEN = ("last_success_at", "last_failure_at", "last_problem", "disabled_because", "disabled_at")
_SAID = ("enabled_by", "enabled_at")


def receiver_json(address: Address, known: Mapping[str, Any], counts: Mapping[str, int]) -> Document:
    """`known` is the receiver's document with the database's time as `now`, or nothing; `counts` its deliveries by
    state. `state` is `disabled`, `away` (its breaker is not closed) or `ok`."""
    breaker = breaker_of(known, known["now"]) if known else Breaker.CLOSED
    is_ok = breaker is Breaker.CLOSED
    state = DISABLED if known.get("disabled_because") else OK if is_ok else AWAY
    return {
        "name": address.name,
        "channel": address.channel,
        "state": state,
        "breaker": breaker.value,
        "failures_in_a_row": known.get("failures", 0),
        **{field: known.get(field) for field in (*_SEEN, *_SAID)},
        "pending": counts.get(PENDING, 0),
        "dead": counts.get(DEAD, 0),
    }
