"""Who is told of what: receivers' own selections, teams, routes, escalation, quiet hours, inhibition."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from services.notifier.routing.quiet_hours import QuietHours
from services.notifier.routing.receivers import Receivers, check_stages
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import Concern, concern_of
from services.notifier.rules.rule import Severity
from shared.election.stages import stages_at
from shared.yaml_files import BadFile
from tests.builders import a_calendar, utc

FILE = """
receivers:
  - {name: old, channel: console, regions: ["64.72"]}
  - {name: everything, channel: console}
  - {name: budi-telegram, channel: console}
  - {name: budi-mail, channel: console}
  - {name: sari-sms, channel: console}
  - {name: group, channel: console}
  - {name: head, channel: console}
  - {name: governor, channel: console}
  - {name: both, channel: console, rules: [cannot-evaluate]}
teams:
  - name: watch
    members: [{name: Budi, receivers: [budi-telegram, budi-mail]}, {name: Sari, receivers: [sari-sms]}]
    quiet_hours: {from: "22:00", to: "06:00"}
  - name: second
    members: [{name: Budi, receivers: [budi-mail]}]
routes:
  - to: [watch, group]
    regions: ["64"]
    severities: [warning, critical]
    repeat_every: 6h
    escalate: [{after: 30m, to: [head]}, {after: 2h, to: [governor]}]
  - to: [both, watch]
    rules: [quiet-period-violation]
    stages: [quiet_period]
    repeat_every: 1h
    escalate: [{after: 10m, to: [governor]}, {after: 30m, to: [governor]}]
"""
WATCH = ["budi-telegram", "budi-mail", "sari-sms"]


@pytest.fixture(scope="module")
def routing() -> Routing:
    return Routing(Receivers.model_validate(yaml.safe_load(FILE)))


def concern(
    rule: str = "missing-report", region: str = "64.02", severity: Severity = Severity.WARNING, *stages: str
) -> Concern:
    return Concern(rule, region, severity, frozenset(stages))


VIOLATION = concern("quiet-period-violation", "64.72.01", Severity.CRITICAL, "quiet_period")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (concern(), ["everything", *WATCH, "group"]),
        (concern(region="64.72.01"), ["old", "everything", *WATCH, "group"]),
        (concern(region="63.01"), ["everything"]),
        (concern(severity=Severity.INFO), ["everything"]),
        (VIOLATION, ["old", "everything", *WATCH, "group", "both"]),
        (
            concern("quiet-period-violation", "63.01", Severity.CRITICAL, "quiet_period"),
            ["everything", *WATCH, "both"],
        ),
        (concern("quiet-period-violation", "63.01", Severity.CRITICAL, "voting"), ["everything"]),
        (
            concern("cannot-evaluate", "system", Severity.CRITICAL),
            ["old", "everything", *WATCH, "group", "both"],  # what concerns the system concerns everyone
        ),
    ],
)
def test_who_is_told(routing: Routing, what: Concern, told: list[str]) -> None:
    """Each once, in the file's order; who is named and selects nothing of its own is told by routes only."""
    assert [r.name for r in routing.told(what)] == told
    assert [r for r in [*WATCH, "old", "group", "both", "head"] if routing.tells(r, what)] == sorted(
        told, key=[*WATCH, "old", "group", "both", "everything"].index
    )[: len(told) - 1]


@pytest.mark.parametrize(
    ("what", "steps", "repeats"),
    [
        (concern(), {30: ["head"], 120: ["governor"]}, {**dict.fromkeys([*WATCH, "group"], 6)}),
        (
            VIOLATION,
            {10: ["governor"], 30: ["head", "governor"], 120: ["governor"]},
            {**dict.fromkeys(WATCH, 1), "group": 6, "both": 1},
        ),
        (concern(region="63.01"), {}, {}),
    ],
)
def test_steps_and_repeats(routing: Routing, what: Concern, steps: dict[int, list[str]], repeats: Any) -> None:
    """Of all routes that tell of it: steps together, in order, and the shortest interval for each receiver."""
    found = {step.after: [r.name for r in step.receivers] for step in routing.steps(what)}
    assert found == {timedelta(minutes=after): names for after, names in steps.items()}
    assert list(found) == sorted(found)
    assert routing.repeats(what) == {name: timedelta(hours=hours) for name, hours in repeats.items()}


def test_regions_that_count(routing: Routing) -> None:
    """How all stand is told over the regions that a receiver is told of at all, by whatever way."""
    regions = ["63.01", "64.02", "64.72"]
    assert routing.covered("old", "missing-report", regions) == ["64.72"]
    assert routing.covered("group", "missing-report", regions) == ["64.02", "64.72"]
    assert routing.covered("both", "missing-report", regions) == []
    assert routing.covered("everything", "missing-report", regions) == regions
    assert routing.covered("sari-sms", "quiet-period-violation", regions) == regions
    assert routing.covered("head", "missing-report", regions) == []
    assert [r.name for r in routing.told_any([concern(region="63.01"), concern(region="64.72")])] == [
        "old",
        "everything",
        *WATCH,
        "group",
    ]


def test_quiet_hours_people_and_inhibition(routing: Routing) -> None:
    """A team's quiet hours hold for its receivers; a receiver reaches people; what mutes a rule."""
    assert [name for name in [*WATCH, "old", "group"] if routing.quiet_hours(name)] == WATCH
    assert routing.members("budi-mail") == (("watch", "Budi"), ("second", "Budi"))
    assert [r.name for r in routing.receivers_of("watch")] == WATCH
    assert [r.name for r in routing.receivers_of("group")] == ["group"]
    assert routing.receivers_of("nobody") == ()
    assert (routing.muted_by("missing-report"), routing.muted_by("cannot-evaluate")) == (("outage",), ())


NIGHT = {"from": "22:00", "to": "06:00"}
MAKASSAR = ZoneInfo("Asia/Makassar")


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        (NIGHT, "2024-11-18T21:59:59.999999+08:00", None),
        (NIGHT, "2024-11-18T22:00:00+08:00", "2024-11-19T06:00:00+08:00"),
        (NIGHT, "2024-11-19T05:59:59.999999+08:00", "2024-11-19T06:00:00+08:00"),
        (NIGHT, "2024-11-19T06:00:00+08:00", None),
        ({"from": "12:00", "to": "13:00"}, "2024-11-19T12:30:00+08:00", "2024-11-19T13:00:00+08:00"),
        ({"from": "12:00", "to": "13:00"}, "2024-11-19T00:30:00+08:00", None),
        ({"from": "20:00", "to": "24:00"}, "2024-11-19T23:30:00+08:00", "2024-11-20T00:00:00+08:00"),
        ({"from": "24:00", "to": "06:00"}, "2024-11-19T00:30:00+08:00", "2024-11-19T06:00:00+08:00"),
    ],
)
def test_quiet_hours(hours: dict[str, str], at: str, until: str | None) -> None:
    """In the region's own zone, exact at both ends."""
    found = QuietHours.model_validate(hours).until(Severity.WARNING, datetime.fromisoformat(at), MAKASSAR)
    assert found == (until and datetime.fromisoformat(until))


def test_quiet_hours_of_another_zone_and_of_what_presses() -> None:
    """An hour later in Jakarta; what is as severe as `below` does not wait."""
    hours, at = QuietHours.model_validate({**NIGHT, "below": "warning"}), utc("2024-11-18T14:30Z")
    assert hours.until(Severity.INFO, at, MAKASSAR) == utc("2024-11-18T22:00Z")
    assert hours.until(Severity.INFO, at, ZoneInfo("Asia/Jakarta")) is None
    assert hours.until(Severity.WARNING, at, MAKASSAR) is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2024-11-23T15:59:59.999Z", {"campaign"}),
        ("2024-11-23T16:00:00Z", {"quiet_period"}),
        ("2024-11-27T16:00:00Z", set()),
    ],
)
def test_stages(at: str, expected: set[str]) -> None:
    """By the region's local days; also of what concerns the system, in the election's zone."""
    calendar = a_calendar()
    assert stages_at(calendar, "64.72", utc(at)) == expected
    alert = {"rule": "cannot-evaluate", "region": "system", "raised_at": utc(at)}
    assert concern_of(alert, calendar) == Concern("cannot-evaluate", "system", Severity.CRITICAL, frozenset(expected))


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ({"receivers": [{"name": "a", "channel": "console", "stages": ["voting_day"]}]}, "receivers.0.stages"),
        (
            {
                "receivers": [{"name": "a", "channel": "console"}],
                "routes": [{"to": ["a"]}, {"to": ["a"], "stages": ["quiet_period", "voting_day"]}],
            },
            "routes.1.stages",
        ),
    ],
)
def test_a_stage_that_is_none(file: Any, key: str) -> None:
    """A typing error would never be told of: it is refused, with the stages there are."""
    with pytest.raises(BadFile, match=f"{key}: 'voting_day' is no stage of kaltim-2024; there are campaign, quiet_p"):
        check_stages(None, Receivers.model_validate(file), a_calendar())
