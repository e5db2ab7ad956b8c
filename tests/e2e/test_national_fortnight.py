"""The whole nation's fortnight: 508 regencies and cities, lateness, repeats, restarts, against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e import fortnight
from tests.e2e.driving import instants, random_kills
from tests.e2e.fortnight_run import Fortnight, run_and_compare
from tests.e2e.oracle import Oracle
from tests.e2e.scenario_files import NATIONAL, read_regions, read_rules

pytestmark = pytest.mark.timeout(600)

BEGIN = datetime.fromisoformat("2024-11-11T00:00+07:00")
END = datetime.fromisoformat("2024-11-29T06:00+07:00")
KILLS = 7


def test_508_regencies_are_judged_as_the_rules_say(tmp_path: Path, seed: int, say: Callable[[str], None]) -> None:
    """Every verdict, alert, incident, counter, event and notice, whatever was late, repeated or killed."""
    oracle = Oracle(read_rules(NATIONAL), read_regions(NATIONAL))
    sent = fortnight.Fortnight(seed, oracle, BEGIN, END).submissions()
    kills = random_kills(seed, instants(sent), KILLS)
    say(f"{len(sent)} submissions at {instants(sent)} instants")
    answers = run_and_compare(Fortnight(NATIONAL, BEGIN, END, sent, kills), tmp_path / "data", say)
    say(f"{len(answers.missing_alerts())} missing reports, {len(answers.violation_alerts())} violations")
