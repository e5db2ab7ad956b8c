"""The generator of fortnights makes what the end-to-end test is to prove, from its seed alone. No stack is needed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from tests.e2e.fortnight import Fortnight
from tests.e2e.oracle import Oracle
from tests.e2e.scenario_files import NATIONAL, read_regions, read_rules

BEGIN = datetime.fromisoformat("2024-11-11T00:00+07:00")
END = datetime.fromisoformat("2024-11-29T06:00+07:00")
ORACLE = Oracle(read_rules(NATIONAL), read_regions(NATIONAL))


def test_a_seed_makes_the_same_fortnight_again() -> None:
    """So a failed run can be repeated."""
    one, two, other = (Fortnight(seed, ORACLE, BEGIN, END).submissions() for seed in (7, 7, 8))
    assert one == two
    assert one != other
    assert [s.at for s in one] == sorted(s.at for s in one)


def test_a_fortnight_holds_every_fate() -> None:
    """All verdicts, both resolutions and no resolution, both flags in all combinations, repeats and refusals; alerts
    that fire again or for the first time after a withdrawal, violations that are dismissed and taken up again."""
    sent = Fortnight(7, ORACLE, BEGIN, END).submissions()
    answers = ORACLE.answers((s.accepted("desk") for s in sent if s.expected == {202}), END)
    fates = Counter((o.verdict, o.resolution) for o in answers.obligations.values())
    assert {verdict for verdict, _ in fates} == {"on_time", "late", "missing"}
    assert {resolution for _, resolution in fates} == {None, "reported_late", "delivered_late"}
    assert min(fates.values()) >= 3
    alerts = Counter(o.alert for o in answers.obligations.values())
    assert alerts[("raised", "reported_late", "raised_again")] >= 3
    assert sum(o.alert[:1] == ("raised",) and not o.was_missed for o in answers.obligations.values()) >= 3
    assert {(), ("dismissed",), ("dismissed", "raised_again")} <= set(answers.dismissals.values())
    assert len(answers.dismissed_alerts()) >= 3
    assert "orphan" in answers.statuses.values()
    flags = Counter(answers.incidents.values())
    assert len(flags) == 8
    assert 2000 < len(sent) < 3500
    assert sum(409 in s.expected for s in sent) > 20
    assert sum(202 not in s.expected for s in sent) > 20
