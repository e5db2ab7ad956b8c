"""Documents that are made again of the notifier's own events: what stands, goes on, and what the log has forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifier.rebuild import rebuilt
from services.notifier.verdicts import obligations, verdict_events
from services.notifier.verdicts.filing import RECEIVED_IN_TIME, RECEIVED_LATE, Finding
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from tests.builders import HASH, MONDAY, a_calendar, a_deadline, a_report, a_withdrawal, utc

Document = dict[str, Any]
CALENDAR, DEADLINE = a_calendar(), a_deadline()
IN_TIME, JUDGED_AT = utc("2024-11-18T08:00Z"), utc("2024-11-18T18:00Z")
LATER = JUDGED_AT + timedelta(hours=1)


def a_verdict(revision: int, verdict: Verdict, at: Any = JUDGED_AT) -> VerdictEvent:
    data = VerdictData(
        election="kaltim-2024",
        period=MONDAY,
        verdict=verdict,
        revision=revision,
        reason="nothing_received",
        judged_at=at,
        due_at=DEADLINE.due_at,
    )
    return VerdictEvent(
        id=f"verdict:{MONDAY}:64.72#{revision}",
        source="/notifier",
        subject="64.72",
        time=at,
        receivedat=at,
        contenthash=HASH,
        data=data,
    )


def an_obligation(*events: VerdictEvent) -> Document:
    empty = {"_id": f"{MONDAY}:64.72", "rev": 0, "cursors": {}}
    return rebuilt.obligation_after(empty, events, CALENDAR)


def verdicts(obligation: Document) -> list[tuple[int, str]]:
    return [(v["revision"], v["verdict"]) for v in obligation["verdicts"]]


def filed(obligation: Document, at: Any = IN_TIME) -> Document:
    finding = Finding(Verdict.ON_TIME, RECEIVED_IN_TIME) if at == IN_TIME else Finding(Verdict.LATE, RECEIVED_LATE)
    return obligations.filed(obligation, a_report(at), DEADLINE, finding)


@pytest.mark.parametrize("events", [(2, 1), (1, 2), (1, 1, 2, 2)])
def test_verdicts_in_their_order_each_once(events: tuple[int, ...]) -> None:
    """However they stand on the topic; a second reading changes nothing."""
    told = {1: a_verdict(1, Verdict.MISSING), 2: a_verdict(2, Verdict.LATE, LATER)}
    made = an_obligation(*(told[revision] for revision in events))
    assert verdicts(made) == [(1, "missing"), (2, "late")]
    assert (made["verdict"], made["judge_at"], made["published"]) == ("late", JUDGED_AT, 2)
    assert rebuilt.obligation_after(made, [told[1], told[2]], CALENDAR) is made


def test_what_the_topic_has_forgotten_is_not_counted_anew() -> None:
    """Only the third verdict is left of the topic: the next one is the fourth, and it alone is published."""
    made = obligations.read_again(filed(an_obligation(a_verdict(3, Verdict.MISSING)), LATER))
    assert verdicts(made) == [(3, "missing"), (4, "late")]
    new = [e.id for e in verdict_events.of_obligation(made) if e.data.revision > made["published"]]
    assert new == [f"verdict:{MONDAY}:64.72#4"]


@pytest.mark.parametrize(
    ("published", "read", "expected"),
    [
        ([Verdict.ON_TIME], [], [(1, "on_time")]),  # the log has forgotten its report
        ([Verdict.ON_TIME], ["report"], [(1, "on_time")]),
        ([Verdict.ON_TIME], ["report", "withdrawal"], [(1, "on_time"), (2, "missing")]),
        ([Verdict.ON_TIME, Verdict.MISSING], ["report", "withdrawal"], [(1, "on_time"), (2, "missing")]),
        ([Verdict.MISSING], ["late"], [(1, "missing"), (2, "late")]),
        ([Verdict.EXCUSED], ["late"], [(1, "excused"), (2, "late")]),
        ([Verdict.UNDETERMINED], [], [(1, "undetermined")]),
        ([Verdict.UNDETERMINED], ["report"], [(1, "undetermined"), (2, "on_time")]),
    ],
)
def test_read_again(published: list[Verdict], read: list[str], expected: list[tuple[int, str]]) -> None:
    """Nothing that is known is said again; what was read and not published is."""
    made = an_obligation(*(a_verdict(n, verdict) for n, verdict in enumerate(published, 1)))
    for what in read:
        made = STEPS[what](made)
        assert verdicts(made) == expected[: len(published)]
    assert verdicts(obligations.read_again(made)) == expected


STEPS: dict[str, Any] = {
    "report": filed,
    "late": lambda o: filed(o, LATER),
    "withdrawal": lambda o: obligations.withdrawn(o, a_withdrawal(LATER), DEADLINE),
}


def test_times_are_times_again() -> None:
    """JSON has texts; what is called `at` or `..._at` is a time, wherever it stands."""
    told = {
        "due_at": "2024-11-18T16:00:00Z",
        "reason": "2024-11-18T16:00:00Z",
        "excuse": {"at": "2024-11-18T16:00:00Z", "by": "budi"},
        "list": [{"received_at": "2024-11-18T16:00:00Z"}, 1],
        "ended_at": None,
    }
    due = DEADLINE.due_at
    assert rebuilt.with_times(told) == {
        "due_at": due,
        "reason": "2024-11-18T16:00:00Z",
        "excuse": {"at": due, "by": "budi"},
        "list": [{"received_at": due}, 1],
        "ended_at": None,
    }
