"""The verdict over everybody who owes: the judge's own steps on a real mongod, beside a numpy scan of as many
deadlines. What is in memory (who owes, by when) is told apart from what is written (a verdict for all the silent)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import numpy as np

from benchmarks import judging
from benchmarks.measure import LIMIT, OURS, Result, Row, Target, at_most
from benchmarks.running import Run

METHOD = (
    "A tenth of those who owe is silent. The scan compares deadlines with now and with who has reported; ours writes "
    "and closes the judgement: verdicts, with history and majority, for the silent, in portions: nobody waits. "
    "Who has reported is never in memory, but for the portion in hand, out of an index; the decision alone is who is "
    "due and has no verdict, of all portions together, once the index has answered, by the judge's own functions; no "
    "verdict is made for it. As the scan, the median of some tries."
)
FEW, MANY = 508, 1_000_000


def main(run: Run) -> list[Result]:
    """The table."""
    return asyncio.run(_measured(run))


async def _measured(run: Run) -> list[Result]:
    rows = [Row(f"numpy scan of {MANY:,}", LIMIT, None, {"ms": _scan(MANY) * 1e3})]
    judged = [FEW, run.events(50_000, MANY)]
    everybody = run.events(MANY, MANY)
    alone, _ = judging.in_memory(everybody)
    rows.append(Row(f"judge, {everybody:,} reporters, in memory alone", OURS, None, _before(alone)))
    found = {}
    for reporters in judged:
        found[reporters] = told = await judging.judged(reporters)
        rows.append(
            Row(
                f"judge, {reporters:,} reporters",
                OURS,
                None,
                {
                    "ms": told.steps["judge"].seconds * 1e3,
                    "longest turn, ms": told.steps["judge"].longest * 1e3,
                    **_before(told.before),
                    "digests, ms": told.steps["digests"].seconds * 1e3,
                    "alerts, ms": told.steps["alerts"].seconds * 1e3,
                },
            )
        )
    return [
        Result("A verdict over everybody", METHOD, rows, _targets(found, alone if everybody == MANY else None), "ms")
    ]


def _before(found: judging.InMemory) -> dict[str, float]:
    return {
        "decision alone, ms": found.decision_s * 1e3,
        "who owes, ms": found.owing_s * 1e3,
        "from the start, s": found.ready_s,
    }


def _scan(reporters: int) -> float:
    """Seconds, the median of some: who is due and has not reported."""
    judge_at = np.full(reporters, datetime(2024, 11, 18, 18, tzinfo=UTC).timestamp())
    has_reported = np.arange(reporters) % judging.SILENT_EVERY != 0
    took = []
    for _ in range(15):
        began = time.perf_counter()
        silent = np.flatnonzero((judge_at <= judge_at[0]) & ~has_reported)
        took.append(time.perf_counter() - began)
    assert len(silent) == -(-reporters // judging.SILENT_EVERY)
    return sorted(took)[len(took) // 2]


def _targets(found: dict[int, judging.Judged], alone: judging.InMemory | None) -> list[Target]:
    few, many = found[FEW], found.get(MANY)
    return [
        at_most(50, f"ms for {FEW} regions, all told", few.steps["judge"].seconds * 1e3),
        at_most(100, "ms for a million once in memory: the decision alone", alone.decision_s * 1e3 if alone else None),
        at_most(
            10,
            "s for a million, from the start",
            None if many is None else many.before.ready_s + many.steps["judge"].seconds,
        ),
    ]
