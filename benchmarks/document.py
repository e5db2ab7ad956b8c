"""docs/performance.md's tables and plots, from what runs left:
`python -m benchmarks.document benchmarks/out/results.json [another.json ...]`. Of a path that is in several files the
last one is told, and of every path how it was run. What people wrote around the tables stays."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.measure import Result, Row, Target, slug, table, targets

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
KEPT = DOCUMENT.parent / "performance"
BLOCK = re.compile(r"(<!-- tables: made by [^>]*-->\n).*(<!-- /tables -->)", re.DOTALL)
_WIDTH = 128

Told = Mapping[str, Any]  # as `results.json` has it


def together(runs: Sequence[Told]) -> dict[str, Any]:
    """One run of them all, on the first one's machine. Raises ValueError if another was on another machine."""
    for run in runs:
        if run["machine"] != runs[0]["machine"]:
            raise ValueError("figures of two machines do not belong in one table")
    paths = {name: {"mode": run["mode"], **told} for run in runs for name, told in run["paths"].items()}
    return {"machine": runs[0]["machine"], "mode": runs[0]["mode"], "paths": paths}


def results_of(told: Told) -> dict[str, list[Result]]:
    """By path."""
    return {name: [_result(one) for one in path["results"]] for name, path in told["paths"].items()}


def _result(told: Told) -> Result:
    rows, wanted = [Row(**row) for row in told["rows"]], [Target(**target) for target in told["targets"]]
    return Result(told["title"], told["method"], rows, wanted, told["plotted"])


def as_document(told: Told) -> str:
    """In Markdown: first what was wanted, then each table with its plot."""
    return "\n".join(_parts(told, results_of(told)))


def _parts(told: Told, found: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    yield from ("", f"{machine.in_a_line(told['machine'])}.", "", "### What was wanted, and what was seen", "")
    yield targets(found).partition("\n\n")[2]
    for name, results in found.items():
        path = told["paths"][name]
        how = f"`{name}`, {path['mode']}: {path['seconds']:,.0f} s, load {path['load_before'][0]} before, "
        for result in results:
            yield from (f"### {result.title}", "")
            yield textwrap.fill(f"{result.method} ({how}{path['load_after'][0]} after.)", _WIDTH)
            yield from ("", table(Result("", "", result.rows)).lstrip("# \n"))
            yield from (f"![{result.title}](performance/{slug(result)}.svg)", "")


def written(document: str, told: Told) -> str:
    """The document with these tables. Raises ValueError."""
    if not BLOCK.search(document):
        raise ValueError("the document has no block for the tables")
    return BLOCK.sub(lambda found: f"{found[1]}{as_document(told)}{found[2]}", document)


def main(paths: Sequence[str]) -> None:
    from benchmarks import plots

    told = together([json.loads(Path(path).read_text(encoding="utf-8")) for path in paths])
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), told), encoding="utf-8")
    (KEPT / "results.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    for results in results_of(told).values():
        for result in results:
            plots.plot(result, KEPT / f"{slug(result)}.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
