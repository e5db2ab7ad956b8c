"""Interleaved rounds, medians, ratios first."""

from __future__ import annotations

import re
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

OURS, LIMIT, PEER = "ours", "limit", "peer"


@dataclass(frozen=True)
class Sample:
    """One round of one way: so many events in so many seconds; CPU seconds by process; what else was seen, its unit
    in its name."""

    events: int
    seconds: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """One way of doing the same work; `run` does it once."""

    name: str
    role: str
    run: Callable[[], Awaitable[Sample]]


@dataclass(frozen=True)
class Row:
    """Medians over the rounds. `ratio` is this way's events a second over the first way's (the limit), round by
    round; `figures` have their units in their names. Of them `CPU ratio` is the limit's CPU an event over this way's,
    each in its own process: what a busy machine changes least."""

    name: str
    role: str
    ratio: float | None
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """What was wanted, what was seen, and whether that is enough; None where nobody can tell from this run."""

    wanted: str
    seen: str
    is_met: bool | None


@dataclass(frozen=True)
class Result:
    """One table. `plotted` names the figure that a plot shows; without one, the ratios are shown."""

    title: str
    method: str
    rows: Sequence[Row]
    targets: Sequence[Target] = ()
    plotted: str = "events/s"


async def interleave(ways: Sequence[Way], rounds: int, warm_up: int = 1) -> list[Row]:
    """Run all ways in turn, `rounds` times after the warm-up; the first way is the limit."""
    samples: dict[str, list[Sample]] = {way.name: [] for way in ways}
    for turn in range(warm_up + rounds):
        for way in ways:
            sample = await way.run()
            if turn >= warm_up:
                samples[way.name].append(sample)
    return [_row(way, samples[way.name], samples[ways[0].name]) for way in ways]


def _row(way: Way, samples: Sequence[Sample], limits: Sequence[Sample]) -> Row:
    rates, limit = [_per_s(sample) for sample in samples], [_per_s(sample) for sample in limits]
    figures = {}
    own = next(iter(limits[0].cpu_s), "")  # the first is the process that does the work
    if (cost := _cpu_us(samples, own)) and (least := _cpu_us(limits, own)):
        figures["CPU ratio"] = least / cost
    figures["events/s"] = statistics.median(rates)
    for name in samples[0].seen:
        figures[name] = statistics.median(sample.seen[name] for sample in samples)
    for name in samples[0].cpu_s:
        figures[f"CPU of {name}, us/event"] = _cpu_us(samples, name)
    figures["spread"] = (max(rates) - min(rates)) / statistics.median(rates)
    ratio = statistics.median(rate / best for rate, best in zip(rates, limit, strict=True))
    return Row(way.name, way.role, ratio, figures)


def _cpu_us(samples: Sequence[Sample], name: str) -> float:
    """Microseconds an event; 0 for a process that has no part in it."""
    return statistics.median(sample.cpu_s.get(name, 0.0) / sample.events * 1e6 for sample in samples)


def _per_s(sample: Sample) -> float:
    return sample.events / sample.seconds


def at_least(wanted: float, what: str, seen: float | None) -> Target:
    """A target that is a least ratio or figure."""
    text = f"at least {_short(wanted)} {what}"
    return Target(text, "not measured", None) if seen is None else Target(text, _short(seen), seen >= wanted)


def at_most(wanted: float, what: str, seen: float | None) -> Target:
    text = f"at most {_short(wanted)} {what}"
    return Target(text, "not measured", None) if seen is None else Target(text, _short(seen), seen <= wanted)


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies; NaN without any."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(result: Result) -> str:
    """The result as Markdown, ratios first, and its targets."""
    columns = list(dict.fromkeys(name for row in result.rows for name in row.figures))
    has_ratio = any(row.ratio is not None for row in result.rows)
    head = ["way", "is", *(["ratio"] if has_ratio else []), *columns]
    lines = [f"## {result.title}", "", result.method, "", _cells(head), _cells(["---"] * len(head))]
    for row in result.rows:
        ratio = [] if not has_ratio else ["" if row.ratio is None else f"{row.ratio:.2f}"]
        lines.append(_cells([row.name, row.role, *ratio, *(_figure(row, name) for name in columns)]))
    if result.targets:
        lines += ["", _cells(["target", "seen", "met"]), _cells(["---"] * 3)]
        lines += [_cells(_told(target)) for target in result.targets]
    return "\n".join(lines) + "\n"


def slug(result: Result) -> str:
    """What its plot's file is called."""
    return re.sub(r"[^a-z0-9]+", "-", result.title.lower()).strip("-")


def targets(results: Mapping[str, Sequence[Result]]) -> str:
    """What was wanted of each path, in one table."""
    lines = ["## Targets", "", _cells(["path", "wanted", "seen", "met"]), _cells(["---"] * 4)]
    for path, found in results.items():
        for result in found:
            where = f"{path}: {result.title}" if len(found) > 1 else path
            lines += [_cells([where, *_told(target)]) for target in result.targets]
    return "\n".join(lines) + "\n"


def _told(target: Target) -> list[str]:
    return [target.wanted, target.seen, {True: "yes", False: "no", None: "?"}[target.is_met]]


def _figure(row: Row, name: str) -> str:
    if name not in row.figures:
        return ""
    value = row.figures[name]
    return f"{value:.2f}" if name == "spread" or abs(value) < 10 else f"{value:,.0f}"


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
