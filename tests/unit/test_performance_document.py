"""docs/performance.md shows the figures of docs/performance/results.json, and no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import document
from benchmarks.measure import slug


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((document.KEPT / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_tables_are_those_of_the_kept_results() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert document.written(text, kept()) == text, "run: python -m benchmarks.document docs/performance/results.json"


def test_each_table_has_its_plot_and_there_is_no_other() -> None:
    plots = {f"{slug(result)}.svg" for results in document.results_of(kept()).values() for result in results}
    assert {path.name for path in document.KEPT.glob("*.svg")} == plots


def test_a_path_that_was_run_twice_is_told_by_its_last_run_with_how_it_was_run() -> None:
    first, second = kept(), {**kept(), "mode": "full"}
    memory = {name: value for name, value in kept()["paths"]["memory"].items() if name != "mode"}
    second["paths"] = {"memory": {**memory, "seconds": 1_900}}
    told = document.as_document(document.together([first, second]))
    assert "full: 1,900 s" in told.replace("\n", " ")
    assert told.count("### Memory under load") == 1
    assert "`publish`, quick" in told.replace("\n", " ")


def test_runs_of_two_machines_are_refused() -> None:
    other = {**kept(), "machine": {**kept()["machine"], "cores": 96}}
    with pytest.raises(ValueError, match="two machines"):
        document.together([kept(), other])


def test_a_document_without_a_place_for_the_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="no block"):
        document.written("# What it costs\n", kept())
