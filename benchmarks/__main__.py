"""`make bench`: every path beside the limit and the peers, in one run. Tables on stdout; `benchmarks/out/` gets the
same as JSON, with the machine's description and its load, and a plot of each table."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import machine, plots
from benchmarks.measure import Result, slug, table, targets
from benchmarks.running import LONG, PATHS, Run

OUT = Path(__file__).resolve().parent / "out"


def main(arguments: Sequence[str]) -> int:
    """0, or 1 if a path failed; the others are measured all the same."""
    given = _parsed(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of partitions that have no leader yet
    run = Run(given.mode, given.minutes)
    described = machine.described()
    told: dict[str, Any] = {"machine": described, "mode": run.mode, "paths": {}}
    _say(f"{machine.in_a_line(described)}; mode {run.mode}\n")
    failed, results_by_path = [], dict[str, list[Result]]()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.paths or [name for name in PATHS if run.mode != "quick" or name not in LONG]:
        before, began = machine.load(), time.monotonic()
        try:
            results = importlib.import_module(f"benchmarks.{name}").main(run)
        except Exception:  # noqa: BLE001 - the run's top: one path that fails takes no other with it
            failed.append(name)
            _say(f"## {name} failed\n\n```\n{traceback.format_exc(limit=-4)}```\n")
            continue
        took = round(time.monotonic() - began, 1)
        told["paths"][name] = {
            "seconds": took,
            "load_before": before,
            "load_after": machine.load(),
            "results": [asdict(result) for result in results],
        }
        results_by_path[name] = results
        for result in results:
            _say(table(result))
            plots.plot(result, given.out / f"{slug(result)}.svg")
        _say(f"({name}: {took:.0f} s, load {before[0]} before, {machine.load()[0]} after)\n")
        (given.out / "results.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    _say(targets(results_by_path))
    if failed:
        _say(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    listed = ", ".join(f"{name} ({what})" for name, what in PATHS.items())
    parser.add_argument("paths", nargs="*", metavar="path", choices=[*PATHS, []], help=f"all, or some of: {listed}")
    parser.add_argument("--mode", choices=("quick", "full", "tiny"), default="quick")
    parser.add_argument("--minutes", type=float, help="how long memory is watched")
    parser.add_argument("--out", type=Path, default=OUT, help="where JSON and plots go")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
