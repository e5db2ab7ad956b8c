"""An obligation's verdicts as events for `desk.alerts`. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.events.codec import content_hash
from shared.events.envelope import NOTIFIER
from shared.events.verdict import ExcuseTold, Verdict, VerdictData, VerdictEvent

Document = dict[str, Any]


def of_obligation(obligation: Document) -> list[VerdictEvent]:
    """All of its verdicts, in order. Deterministic: a repeat is a duplicate to every reader."""
    return [_event(obligation, entry) for entry in obligation["verdicts"]]


def _event(obligation: Document, entry: Document) -> VerdictEvent:
    data = VerdictData(
        election=obligation["election"],
        period=date.fromisoformat(obligation["period"]),
        verdict=Verdict(entry["verdict"]),
        revision=entry["revision"],
        reason=entry["reason"],
        judged_at=entry["judged_at"],
        due_at=obligation["due_at"],
        report=entry["report"],
        excuse=ExcuseTold(**entry["excuse"]) if entry.get("excuse") else None,
    )
    return VerdictEvent(
        id=f"verdict:{obligation['_id']}#{entry['revision']}",
        source=NOTIFIER,
        subject=obligation["region"],
        time=entry["judged_at"],
        receivedat=entry["judged_at"],
        contenthash=content_hash(data.model_dump(mode="json")),
        data=data,
    )
