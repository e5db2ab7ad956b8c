"""A receiver that fails: one alert, whatever order its failures and its recovery are settled in."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.alerts import alerts
from services.notifier.rules import receiver_failing
from shared.events.codec import decode, encode
from shared.exactly_once.cursors import empty
from shared.topics import ALERTS
from tests.builders import utc

Document = dict[str, Any]
Step = Callable[[Document], Document]
AT = utc("2026-11-29T02:00:00Z")
HOUR = timedelta(hours=1)
AHEAD = timedelta(days=365)  # of the database's time, as a scenario's clock may be


def election_time(instant: datetime) -> datetime:
    return instant + AHEAD


def dead(hours: int, *, is_started_again: bool = False) -> Step:
    """A delivery was given up so many hours later."""
    attempts: list[Document] = [{"outcome": "failed", "ended_at": AT + hours * HOUR, "problem": f"HTTP {hours}"}]
    attempts += [{"outcome": "started"}] if is_started_again else []
    delivery = {"receiver": "hook", "channel": "webhook", "notice": f"n{hours}", "attempts": attempts}
    return lambda alert: receiver_failing.given_up(alert, delivery, election_time)


def look(**known: Any) -> Step:
    """What is seen of the receiver; hours instead of instants."""
    seen = {name: AT + value * HOUR if isinstance(value, int) else value for name, value in known.items()}
    return lambda alert: receiver_failing.recovered(alert, seen, AT + 9 * HOUR, election_time)


def gone(alert: Document) -> Document:
    return receiver_failing.recovered(alert, None, AT + 9 * HOUR, election_time)


def after(*steps: Step) -> Document:
    alert = empty("receiver-failing:hook")
    for step in steps:
        alert = step(alert)
    return alert


@pytest.mark.parametrize(
    ("steps", "history"),
    [
        ([dead(1)], ["raised"]),
        ([dead(1), dead(2)], ["raised"]),
        ([dead(1), look()], ["raised"]),
        ([dead(1), look(last_success_at=0)], ["raised"]),
        ([dead(1), look(last_success_at=1)], ["raised"]),  # at the same moment: which came first is not known
        ([dead(1), look(last_success_at=2)], ["raised", "delivered"]),
        ([dead(1), dead(3), look(last_success_at=2)], ["raised"]),
        ([dead(1), look(last_success_at=2), dead(3)], ["raised", "delivered", "raised_again"]),
        ([dead(1), look(last_success_at=4), dead(3)], ["raised", "delivered"]),  # settled late: no news
        ([dead(1), look(last_success_at=2), look(last_success_at=3)], ["raised", "delivered"]),
        ([dead(1), look(disabled_because="HTTP 410")], ["raised"]),
        ([dead(1), look(disabled_because="HTTP 410", last_success_at=2)], ["raised"]),
        ([dead(1), look(enabled_at=2, enabled_by="budi")], ["raised", "enabled"]),
        ([dead(1), look(enabled_at=0, enabled_by="budi")], ["raised"]),
        ([dead(1), gone], ["raised", "removed"]),
        ([look(last_success_at=2)], []),
        ([dead(1, is_started_again=True)], ["raised"]),
    ],
)
def test_life(steps: list[Step], history: list[str]) -> None:
    """It fires when something is given up, and ends with what proves that the receiver is told again."""
    alert = after(*steps)
    seen = [h["why"] if h["what"] == "resolved" else h["what"] for h in alert.get("history", [])]
    assert seen == history
    if history:
        assert [change["revision"] for change in alert["to_notice"]] == list(range(1, len(history) + 1))
        assert decode(ALERTS.name, encode(alerts.to_event(alert)))


def test_what_it_says() -> None:
    """Which receiver, what did not arrive and why; in the election's time; who enabled it."""
    alert = after(dead(1), look(enabled_at=2, enabled_by="budi"))
    assert (alert["region"], alert["period"], alert["raised_at"]) == ("system", None, AT + HOUR + AHEAD)
    assert alert["details"] == {"receiver": "hook", "channel": "webhook", "problem": "HTTP 1", "notice": "n1"}
    assert (alert["history"][1]["by"], alert["resolved_at"]) == ("budi", AT + 2 * HOUR + AHEAD)


def test_failures_may_be_settled_in_any_order() -> None:
    """Two replicas settle what went dead; none of it fires again what ended since."""
    for order in itertools.permutations([dead(1), dead(2), dead(3)]):
        settled = after(*order, look(last_success_at=4), *order)
        assert (settled["state"], settled["revision"]) == ("resolved", 2)
