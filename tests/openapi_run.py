"""schemathesis over an app or a process: every phase, bounded, and the same cases each time.

What it finds comes back as sentences. A refusal of data that the document calls valid is excused where every reason
named is one that a schema cannot say: since every wrong field is named, the rest of that data was accepted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema

from shared.texts import catalogue

PHASES = {"examples", "coverage", "fuzzing", "stateful"}
# What a positive case may be answered besides success, whatever it was sent to.
_LIMITS = (413,)


@dataclass
class Run:
    """What was answered in which phase, and what was wrong with it."""

    phases: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def run(
    where: FastAPI | str,
    key: str,
    excused: Mapping[str, str],
    selected: Callable[[BaseSchema], BaseSchema] = lambda schema: schema,
    examples: int = 8,
) -> Run:
    """Send the cases of all operations that are `selected` of an app in this process, or of the service at an address.
    `excused` are codes of wrong fields that a schema cannot say, each with the reason."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {key}"},
            "continue-on-failure": True,
            "warnings": False,
            "checks": {
                "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 413, 415, 422]}
            },
            "generation": {
                "max-examples": examples,
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
                "codec": "ascii",  # most other characters are letters; the rest is the hostile tables' business
            },
            "phases": {"stateful": {"max-steps": 3}},
        }
    )
    assert excused.keys() <= catalogue("problems").keys()
    done = Run()
    for event in from_schema(selected(_loaded(where, config))).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            done.wrong.append(repr(event.info if isinstance(event, events.NonFatalError) else event.exception))
        elif isinstance(event, events.PhaseFinished):
            done.phases[event.phase.name.value] = str(event.status)
        elif isinstance(event, events.ScenarioFinished):
            done.wrong.extend(_wrong(event, excused))
            for label, status in _answers(event):
                done.statuses[status] += 1
                done.accepted[label] += status < 300
    return done


def _loaded(where: FastAPI | str, config: SchemathesisConfig) -> BaseSchema:
    if isinstance(where, str):
        return schemathesis.openapi.from_url(f"{where}/openapi.json", config=config)
    return schemathesis.openapi.from_asgi("/openapi.json", where, config=config)


def _answers(scenario: events.ScenarioFinished) -> Iterator[tuple[str, int]]:
    recorder = scenario.recorder
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is not None:
            yield recorder.cases[case_id].value.operation.label, interaction.response.status_code


def _wrong(scenario: events.ScenarioFinished, excused: Mapping[str, str]) -> Iterator[str]:
    recorder = scenario.recorder
    for case_id, checks in recorder.checks.items():
        for check in checks:
            response = recorder.interactions[case_id].response
            if check.failure_info is None or response is None:
                continue
            if check.name == "positive_data_acceptance" and _is_excused(response, excused):
                continue
            case: Any = recorder.cases[case_id].value
            sent = f"{case.path_parameters} {case.query} {dict(case.headers or {})} {str(case.body)[:500]}"
            answered = f"{response.status_code} {response.text[:500]}"
            yield f"{case.operation.label}: {check.name}: {sent} -> {answered}: {check.failure_info.failure}"


def _is_excused(response: Response, excused: Mapping[str, str]) -> bool:
    if response.status_code in _LIMITS:
        return True
    errors = json.loads(response.content).get("errors", []) if response.status_code == 422 else []
    return bool(errors) and all(error["code"] in excused for error in errors)
