"""The one clock. Production has the real one only; `DESK_CLOCK` makes a scenario clock for demos and tests.

The scenario clock maps real time to the scenario's: calendar, `received_at`, plausibility, verdicts and escalation
use it. Leases, retries, bounded waits, record timestamps and webhook signatures use real time, which is `real()`.
All processes share one anchor file, so they agree and a restart changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

ANCHOR_FILE = "clock.json"


def real() -> datetime:
    """The real time, aware UTC."""
    return datetime.now(UTC)


class Clock(Protocol):
    """`at` maps a real instant (for example the database's) to the election's time; `now` is `at(real())`."""

    def at(self, instant: datetime) -> datetime: ...

    def now(self) -> datetime: ...


class RealClock:
    """The election's time is the real time."""

    def at(self, instant: datetime) -> datetime:
        return instant

    def now(self) -> datetime:
        return real()


@dataclass(frozen=True)
class Anchor:
    """At the real instant `real_at` the scenario showed `scenario_at`; from there it runs at `rate` s a second."""

    spec: str
    scenario_at: str
    real_at: str
    rate: float

    def at(self, instant: datetime) -> datetime:
        elapsed = (instant - datetime.fromisoformat(self.real_at)).total_seconds()
        return datetime.fromisoformat(self.scenario_at) + timedelta(seconds=max(elapsed, 0.0) * self.rate)


def parse_spec(spec: str) -> tuple[datetime, float]:
    """`2024-11-11T08:00:00+08:00@60` as start and rate (seconds a second). Raises ValueError with an example."""
    problem = ValueError(
        f"{spec!r} is no scenario clock; write <start>@<rate>, for example 2024-11-18T08:00:00+08:00@60"
    )
    match = re.fullmatch(r"(.+)@(\d+(?:\.\d+)?)", spec.strip())
    if match is None:
        raise problem
    try:
        start = datetime.fromisoformat(match[1])
    except ValueError:
        raise problem from None
    if start.tzinfo is None:
        raise ValueError(f"{spec!r}: the start needs an offset, for example 2024-11-18T08:00:00+08:00@60")
    return start.astimezone(UTC), float(match[2])


class ScenarioClock:
    """Reads the anchor file afresh whenever it changes; before there is one, time stands at the start.
    Raises ValueError for a bad spec, or an anchor that belongs to another one."""

    def __init__(self, spec: str, data_dir: Path) -> None:
        self._path = data_dir / ANCHOR_FILE
        self._spec = spec
        self._start, self._rate = parse_spec(spec)
        self._seen: tuple[int, int] | None = None
        self._anchor: Anchor | None = None
        self._current()  # an anchor of another clock is found now, not in a loop hours later

    def at(self, instant: datetime) -> datetime:
        anchor = self._current()
        return self._start if anchor is None else anchor.at(instant)

    def now(self) -> datetime:
        return self.at(real())

    def run(self) -> None:
        """Let it run at its rate from where it stands (from the start, the first time)."""
        self._write(self.now(), self._rate)

    def hold(self, at: datetime | None = None) -> None:
        """Let it stand, here or at a given scenario instant."""
        self._write(at or self.now(), 0.0)

    def is_anchored(self) -> bool:
        return self._current() is not None

    def _current(self) -> Anchor | None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        if self._seen != (stat.st_mtime_ns, stat.st_ino):
            self._anchor = Anchor(**json.loads(self._path.read_text(encoding="utf-8")))
            self._seen = (stat.st_mtime_ns, stat.st_ino)
            if self._anchor.spec != self._spec:
                raise ValueError(
                    f"{self._path} belongs to the scenario clock {self._anchor.spec}, not to {self._spec}: "
                    "take that one, or another data directory"
                )
        return self._anchor

    def _write(self, at: datetime, rate: float) -> None:
        anchor = Anchor(self._spec, at.astimezone(UTC).isoformat(), real().isoformat(), rate)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as file:
            json.dump(asdict(anchor), file)
        os.replace(file.name, self._path)


def make_clock(spec: str | None, data_dir: Path) -> Clock:
    """The real clock, or the scenario's if `DESK_CLOCK` is set. Raises ValueError for a bad spec."""
    return RealClock() if spec is None else ScenarioClock(spec, data_dir)
