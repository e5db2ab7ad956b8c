"""Texts for people: complete in both languages, and every text that the code names exists."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from services.notifier.notices import mails
from services.notifier.rules import BY_NAME, RULES, cannot_evaluate, logistics, receiver_failing
from services.notifier.telling.escalation import PRESSES
from services.notifier.verdicts import filing, verdicts
from shared.events.alert import AlertState
from shared.events.incident_status import IncidentStatus
from shared.events.verdict import Verdict
from shared.texts import catalogue, language_of, text

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted(
    p.name.removesuffix(".yaml") for p in resources.files("shared.texts").iterdir() if ".yaml" in p.name
)
ALL = [(name, key) for name in CATALOGUES for key in catalogue(name)]


def placeholders(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def test_catalogues() -> None:
    """The files there are."""
    assert {"notices", "problems", "verdicts"} <= set(CATALOGUES)


@pytest.mark.parametrize(("name", "key"), ALL)
def test_both_languages(name: str, key: str) -> None:
    """Each text is there in Indonesian and English, with the same placeholders, and can be filled in."""
    entry = catalogue(name)[key]
    assert set(entry) == {"id", "en"}
    assert all(entry[lang].strip() == entry[lang] != "" for lang in entry)
    wanted = placeholders(entry["id"])
    assert placeholders(entry["en"]) == wanted
    assert "" not in wanted
    filled = text(name, key, "en", **dict.fromkeys(wanted, "{x}"))
    assert ("{x}" in filled) is bool(wanted)


# What raises with keys of problems.yaml -> which of its positional arguments are such keys.
KEYED = {"Problem": (1, 2), "FieldError": (1,), "BadJson": (0,), "PydanticCustomError": (0,), "invalid": ()}


def keys_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        name = getattr(getattr(node, "func", None), "id", None)
        if isinstance(node, ast.Call) and name in KEYED:
            for index in KEYED[name]:
                argument = node.args[index] if index < len(node.args) else None
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def test_every_problem_that_the_code_names_has_a_text() -> None:
    """Titles, details and reasons of wrong fields, wherever they are raised; what makes an event a dead letter is told
    by its message alone."""
    sources = [p for folder in ("shared", "services") for p in (ROOT / folder).rglob("*.py")]
    sources = [p for p in sources if p.parent.name != "events"]
    named = {key: p.name for p in sources for key in keys_in(ast.parse(p.read_text(encoding="utf-8")))}
    assert len(named) > 30
    assert {key: where for key, where in named.items() if key not in catalogue("problems")} == {}


REASONS = (
    cannot_evaluate.NO_PARTITIONS,
    cannot_evaluate.PARTITIONS_UNREAD,
    cannot_evaluate.KAFKA_AWAY,
    cannot_evaluate.OTHER_LOG,
)


DIGESTED = ("missing-report", "logistics", "report-reminder")  # the last tells of no standing
RECEIVER_ENDS = (receiver_failing.DELIVERED, receiver_failing.ENABLED, receiver_failing.REMOVED)


def test_every_notice_has_a_text() -> None:
    """Each rule tells of its raising, its raising again and each way in which it is resolved; no text is idle."""
    changes = {
        "missing-report": {
            "raised_again",
            "resolved.reported_late",
            "resolved.delivered_late",
            "resolved.excused",
        },
        "quiet-period-violation": {"raised_again", "resolved.dismissed"},
        "cannot-evaluate": {"resolved.judged"},
        "logistics": {"raised_again", f"resolved.{logistics.RECEIVED}"},
        "report-reminder": set(),
        "outage": {"raised_again", "resolved.resolved", "resolved.dismissed"},
        "receiver-failing": {"raised_again", *(f"resolved.{r}" for r in RECEIVER_ENDS)},
    }
    told = {f"{rule}.{change}" for rule in RULES for change in {"raised", *changes[rule]}}
    alike = {f"{rule}.digest.{c}" for rule in DIGESTED for c in {"raised", *changes[rule]}}
    stand = {f"{rule}.{key}" for rule in DIGESTED[:2] for key in ("digest", "digest.complete")}
    digests = {*stand, *alike, *(f"{key}.each" for key in alike)}
    digests |= {"missing-report.digest_excused", "missing-report.digest.complete_excused", "missing-report.found"}
    because = {f"cannot-evaluate.because.{reason}" for reason in REASONS}
    because |= {"cannot-evaluate.what.reports", "cannot-evaluate.what.logistics"}
    said = {
        "logistics.step.ahead",
        "logistics.step.line",
        "no_note",
        "others",
        "your_regions",
        *(f"status.{status}" for status in IncidentStatus),
    }
    assert set(catalogue("notices")) == told | digests | because | said


def test_every_rule_that_is_told_by_digest_has_a_label() -> None:
    """For those who are told of what nobody has acknowledged."""
    assert {f"rule.{rule.name}" for rule in BY_NAME.values() if rule.is_digested} <= set(catalogue("pressing"))
    assert {"by_name.always", "by_name.period", *PRESSES} <= set(catalogue("pressing"))
    assert {f"span.{unit}" for unit in "smhd"} <= set(catalogue("pressing"))


def test_every_text_of_channels_is_used() -> None:
    """Labels of mails, states of alerts, the test message; no text is idle."""
    labels = {f"mail.{name}" for name in (*mails._LABELS, "footer")}
    states = {f"state.{state}" for state in AlertState}
    assert set(catalogue("channels")) == labels | states | {"everywhere", "test"}


def test_every_verdict_and_reason_has_a_text() -> None:
    """What a screen shows of a verdict."""
    reasons = [filing.RECEIVED_IN_TIME, filing.WRITTEN_IN_TIME, filing.RECEIVED_LATE]
    reasons += [verdicts.NOTHING_RECEIVED, verdicts.LOG_NOT_READ]
    reasons += [verdicts.REPORTED_LATE, verdicts.DELIVERED_LATE, verdicts.REPORT_WITHDRAWN]
    assert {*Verdict, *reasons} <= set(catalogue("verdicts"))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "id"),
        ("", "id"),
        ("*", "id"),
        ("en", "en"),
        ("en-GB", "en"),
        ("EN-us", "en"),
        ("in", "id"),
        ("id-ID,en;q=0.9", "id"),
        ("en;q=0.9,id", "id"),
        ("en, id", "en"),  # equal: the first named
        ("id;q=0.2, en; q=0.8", "en"),
        ("en; q=0.1, id ;q=0.2", "id"),
        ("fr,de;q=0.9", "id"),
        ("fr,en;q=0.1", "en"),
        ("en;q=0", "id"),
        ("en;q=²", "en"),  # nonsense after q counts as none
        ("en;q=", "en"),
        (";;;,,,=", "id"),
        ("en;q=1.0.0", "en"),
    ],
)
def test_language_of_a_reader(header: str | None, language: str) -> None:
    """Indonesian unless English is preferred (RFC 9110); nonsense never fails."""
    assert language_of(header) == language


def test_values_may_be_called_anything() -> None:
    """A value's name collides with no parameter of ours: texts speak of names, keys and languages."""
    assert "`lap`" in text("problems", "json_duplicate_key", "id", key="lap")
    assert "desk-1" in text("problems", "forbidden_send", "en", name="desk-1", kind="reports", region="64")
