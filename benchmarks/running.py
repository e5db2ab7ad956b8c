"""What a run measures, and how thoroughly."""

from __future__ import annotations

from dataclasses import dataclass

# Each is a module with a `main(Run)`.
PATHS = {
    "publish": "records to Kafka's confirmation",
    "intake": "one event, POST to 202",
    "batch": "500 lines",
    "consume": "records to validated events",
    "aggregate": "the log to exact state",
    "growth": "what regions and past events cost",
    "violation": "POST to webhook",
    "verdict": "a judgement over everybody",
    "outage": "catching up after an hour",
    "queries": "questions at 100,000 incidents",
    "reading": "pages of a nation of villages",
    "memory": "resident memory under load",
}


LONG = ("reading",)  # not in a quick run, unless it is named


@dataclass(frozen=True)
class Run:
    """Quick (about thirteen minutes), full, or tiny: does the code run at all? `minutes` bounds the soak."""

    mode: str = "quick"
    minutes: float | None = None

    def rounds(self, quick: int, full: int) -> int:
        return {"tiny": 1, "quick": quick, "full": full}[self.mode]

    def seconds(self, quick: float, full: float) -> float:
        return {"tiny": 0.2, "quick": quick, "full": full}[self.mode]

    def events(self, quick: int, full: int) -> int:
        return {"tiny": min(quick, 6_000), "quick": quick, "full": full}[self.mode]
