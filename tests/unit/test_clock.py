"""The clocks: the real one, and the scenario's that all processes share through one file."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import ANCHOR_FILE, Anchor, RealClock, ScenarioClock, make_clock, parse_spec, real
from tests.builders import utc

SPEC = "2024-11-18T08:00:00+08:00@60"
START = utc("2024-11-18T00:00:00Z")


def test_real_clock_is_the_real_time() -> None:
    """Without a scenario the election's time is the real one."""
    clock = make_clock(None, Path("/nowhere"))
    assert isinstance(clock, RealClock)
    assert abs(clock.now() - real()) < timedelta(seconds=5)
    assert clock.at(START) is START
    assert clock.now().tzinfo is UTC


def test_stands_until_anchored(tmp_path: Path) -> None:
    """Before the stack is ready the scenario shows its start, whatever the real time."""
    clock = ScenarioClock(SPEC, tmp_path / "not-there-yet")
    assert not clock.is_anchored()
    assert clock.now() == clock.at(real() + timedelta(days=1)) == START


def test_runs_at_its_rate(tmp_path: Path) -> None:
    """Once running, a real second is a scenario minute; before the anchor's moment it stands."""
    clock = ScenarioClock(SPEC, tmp_path / "made")
    clock.run()
    assert clock.is_anchored()
    anchored_at = datetime.fromisoformat(json.loads((tmp_path / "made" / ANCHOR_FILE).read_text())["real_at"])
    assert clock.at(anchored_at + timedelta(seconds=90)) == START + timedelta(minutes=90)
    assert clock.at(anchored_at - timedelta(seconds=90)) == START


def test_holds(tmp_path: Path) -> None:
    """It stands where it is or where it is told to, and goes on from there."""
    clock = ScenarioClock(SPEC, tmp_path)
    clock.run()
    clock.hold(utc("2024-11-18T16:00:00Z"))
    assert clock.at(real() + timedelta(hours=1)) == utc("2024-11-18T16:00:00Z")
    clock.run()
    assert clock.at(real() + timedelta(seconds=60)) >= utc("2024-11-18T17:00:00Z")
    clock.hold()
    held = clock.now()
    assert held >= utc("2024-11-18T16:00:00Z")
    assert clock.at(real() + timedelta(hours=1)) == held


def test_two_processes_agree_and_a_restart_keeps_the_anchor(tmp_path: Path) -> None:
    """Instances share the anchor file: what one does the others show, also one that starts later."""
    first, second = ScenarioClock(SPEC, tmp_path), ScenarioClock(SPEC, tmp_path)
    moment = real() + timedelta(seconds=10)
    assert second.at(moment) == START
    first.run()
    assert first.at(moment) == second.at(moment) == ScenarioClock(SPEC, tmp_path).at(moment) > START
    second.hold(utc("2024-11-25T00:00:00Z"))
    assert first.at(moment) == ScenarioClock(SPEC, tmp_path).at(moment) == utc("2024-11-25T00:00:00Z")
    assert [p.name for p in tmp_path.iterdir()] == [ANCHOR_FILE]


def test_another_scenario_s_anchor_is_refused_at_once(tmp_path: Path) -> None:
    """A data directory of another scenario is refused when the clock is made, in one line that says what to do."""
    ScenarioClock(SPEC, tmp_path).run()
    with pytest.raises(
        ValueError, match=r"belongs to the scenario clock .*@60, not to .*@1: take that one"
    ) as refused:
        make_clock("2024-11-11T08:00:00+08:00@1", tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "start", "rate"),
    [
        (SPEC, START, 60.0),
        ("2024-11-18T00:00:00Z@1", START, 1.0),
        ("2024-11-18T00:00:00Z@0.5", START, 0.5),
        (" 2024-11-18T00:00Z@0 ", START, 0.0),
    ],
)
def test_specs(spec: str, start: datetime, rate: float) -> None:
    """`<start>@<rate>`, the start with an offset."""
    assert parse_spec(spec) == (start, rate)


@pytest.mark.parametrize(
    "spec", ["", "@60", "2024-11-18T08:00:00+08:00", "now@60", "2024-11-18T08:00:00@60", "2024-11-18@60", f"{SPEC}x"]
)
def test_no_specs(spec: str, tmp_path: Path) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match=r"for example 2024-11-18T08:00:00\+08:00@60"):
        make_clock(spec, tmp_path)


def test_rate_zero_stands() -> None:
    """An anchor with rate 0 shows its moment for ever."""
    anchor = Anchor(SPEC, START.isoformat(), START.isoformat(), 0.0)
    assert anchor.at(START + timedelta(days=400)) == START
