"""Why a receiver was not told, in words: our own sentences in both languages, codes of others as they are."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from services.notifier.delivery import problems
from services.notifier.notices import notices
from services.notifier.notices.notice_records import record
from services.notifier.rules import receiver_failing
from shared.exactly_once.cursors import empty
from shared.texts import Language
from tests.builders import a_calendar, a_notice_payload, utc

Document = dict[str, Any]
AT = utc("2024-11-25T02:00:00Z")
NOTIFIER = Path(problems.__file__).parents[1]
GIVEN_UP = "given up: the receiver has not answered since it was to be told"

# As they are stored, also by earlier versions -> as they are told, in Indonesian and in English.
TOLD = [
    (GIVEN_UP, "tidak dicoba lagi: penerima tidak menjawab sejak harus diberi tahu", GIVEN_UP),
    ("receiver disabled: HTTP 410", "penerima dinonaktifkan: HTTP 410", "receiver disabled: HTTP 410"),
    (
        "refused: b@x (550), {c}@x (451)",
        "ditolak server surat: b@x (550), {c}@x (451)",
        "refused: b@x (550), {c}@x (451)",
    ),
    ("an earlier attempt has not ended", "percobaan sebelumnya belum selesai", "an earlier attempt has not ended"),
    ("not sent", "tidak terkirim", "not sent"),
    ("HTTP 410", "HTTP 410", "HTTP 410"),
    ("TimeoutError", "TimeoutError", "TimeoutError"),
    ("Whatever: it was", "Whatever: it was", "Whatever: it was"),
    ("", "", ""),
]


def given_up(problem: str) -> Document:
    """A delivery that is dead."""
    return {
        "_id": "n1|hook",
        "receiver": "hook",
        "channel": "webhook",
        "notice": "n1",
        "alerts": ["a1"],
        "payload": {**a_notice_payload(), "timestamp": AT},
        "webhook_id": "msg_1",
        "planned_at": AT,
        "state": "dead",
        "attempts": [{"outcome": "failed", "started_at": AT, "ended_at": AT, "problem": problem}],
    }


@pytest.mark.parametrize(("problem", "indonesian", "english"), TOLD)
def test_told_in_both_languages(problem: str, indonesian: str, english: str) -> None:
    """In the notice to the other receivers, and in the record of who was told."""
    alert = receiver_failing.given_up(empty("receiver-failing:hook"), given_up(problem), lambda instant: instant)
    said = notices.of_alert(alert, alert["to_notice"][0], a_calendar()).payload["data"]["text"]
    assert said == {
        "id": f"PENERIMA hook (webhook) tidak mendapat pemberitahuan: {indonesian}. Yang tidak sampai: n1",
        "en": f"RECEIVER hook (webhook) does not get its notices: {english}. Not delivered: n1",
    }
    assert alert["details"]["problem"] == problem  # stored and published for programs, as it is
    why: dict[Language, str] = record(given_up(problem), a_calendar().zone("64.72"))["why_not"]
    assert why == {
        "id": f"gagal terkirim setelah 1 kali dicoba: {indonesian}",
        "en": f"could not be delivered, tried 1 times: {english}",
    }


def failures(source: str) -> list[ast.expr]:
    """What each `SendFailed(...)` of a source says."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "SendFailed"]


def test_every_sentence_of_ours_has_a_text() -> None:
    """What stands in the code itself is one word, or one and a number: a code. Sentences are in the table."""
    said = [found for path in NOTIFIER.rglob("*.py") for found in failures(path.read_text(encoding="utf-8"))]
    parts = [part.value for found in said for part in ast.walk(found) if isinstance(part, ast.Constant)]
    assert len(said) > 8
    assert [part for part in parts if " " in str(part).strip(": ")] == []
    ours = [value for name, value in vars(problems).items() if name.isupper() and isinstance(value, str)]
    assert {one.partition(":")[0] for one in ours} == set(problems.TEXTS)
