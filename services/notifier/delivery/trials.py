"""A marked test message, for `desk receivers test`: as a notice, but for its type and its rule. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.notifier.channels import Message
from services.notifier.notices.notices import webhook_id
from services.notifier.rules.rule import Severity
from shared.events.alert import AlertState
from shared.events.envelope import SYSTEM
from shared.texts import text

TYPE = "desk.test.v1"
RULE = "test"


def trial_message(receiver: str, now: datetime) -> Message:
    """The message for one receiver. It has one alert, of the rule `test`, about the system itself."""
    trial_id = f"{RULE}:{receiver}:{now:%Y-%m-%dT%H:%M:%S.%fZ}"
    alert: dict[str, Any] = {
        "id": trial_id,
        "rule": RULE,
        "region": SYSTEM,
        "period": None,
        "state": AlertState.FIRING.value,
        "raised_at": now,
        "resolved_at": None,
        "resolution": None,
        "details": {},
        "history": [],
    }
    data = {
        "notice": trial_id,
        "rule": RULE,
        "change": RULE,
        "severity": Severity.INFO.word,
        "period": None,
        "region": SYSTEM,
        "alerts": [alert],
        "text": {
            "id": text("channels", "test", "id", name=receiver),
            "en": text("channels", "test", "en", name=receiver),
        },
    }
    return Message(webhook_id(trial_id), {"type": TYPE, "timestamp": now, "data": data})
