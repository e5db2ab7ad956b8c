"""The history checker itself: it lets right histories pass and rejects each kind of wrong one. No stack is needed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from tests.e2e.history import Attempt, Became, Case, History, Outcome, Position, Written
from tests.e2e.history_rules import MOST_OTHERS, RULES, complaints_of

EVENT = ("kpu", "r1")
OTHER_AGENCY = ("bawaslu", "r1")


def at(offset: int, partition: int = 0) -> Position:
    return Position("desk.reports", partition, offset)


def sent(content: str, outcome: Outcome | int, began: float = 0, *, of: tuple[str, str] = EVENT) -> Attempt:
    """An attempt of one second; a number is an answer's status."""
    if isinstance(outcome, Outcome):
        return Attempt(of, content, outcome, began, began + 1)
    found = {2: Outcome.ACCEPTED, 4: Outcome.REFUSED, 5: Outcome.UNCERTAIN}[outcome // 100]
    return Attempt(of, content, found, began, began + 1, outcome)


def called_duplicate(content: str, began: float) -> Attempt:
    return replace(sent(content, 202, began), is_duplicate=True)


def record(content: str, position: Position, *, of: tuple[str, str] = EVENT) -> Written:
    return Written(position, of, content)


def became(status: str, position: Position, is_counted: bool = True, **others: bool) -> Became:
    """`others` are offsets of partition 0, as `at_7=True`: a conflict at offset 7."""
    shown = {at(int(name.removeprefix("at_"))): is_conflict for name, is_conflict in others.items()}
    return Became(status, is_counted, position, shown)


@dataclass(frozen=True)
class Told:
    """A history of the event r1 of kpu, if not said otherwise."""

    attempts: Sequence[Attempt]
    written: Sequence[Written] = ()
    became: Became | None = None
    elsewhere: Mapping[tuple[str, str], Became] = field(default_factory=dict)

    def history(self) -> History:
        own = {} if self.became is None else {EVENT: self.became}
        return History(self.attempts, self.written, {**own, **self.elsewhere})


RIGHT: dict[str, Told] = {
    "accepted, counted": Told([sent("a", 202)], [record("a", at(0))], became("counted", at(0))),
    "refused, unknown": Told([sent("a", 422)]),
    "nobody listened": Told([sent("a", Outcome.NOT_SENT)]),
    "503, not written": Told([sent("a", 503)]),
    "503, written": Told([sent("a", 503)], [record("a", at(0))], became("counted", at(0))),
    "no answer, then accepted": Told(
        [sent("a", Outcome.UNCERTAIN), sent("a", 202, 2)],
        [record("a", at(0)), record("a", at(3))],
        became("duplicate", at(0), at_3=False),
    ),
    "a known repeat": Told(
        [sent("a", 202), called_duplicate("a", 2)],
        [record("a", at(0)), record("a", at(1))],
        became("duplicate", at(0), at_1=False),
    ),
    "the client's own resending": Told(
        [sent("a", 202)], [record("a", at(0)), record("a", at(1))], became("duplicate", at(0), at_1=False)
    ),
    "a conflict refused": Told([sent("a", 202), sent("b", 409, 2)], [record("a", at(0))], became("counted", at(0))),
    "a conflict with what is under way": Told(
        [sent("a", 503), sent("b", 409, 0.5)], [record("a", at(0))], became("counted", at(0))
    ),
    "a conflict slipped through": Told(
        [sent("a", 202), sent("b", 202)],
        [record("b", at(0)), record("a", at(1))],
        became("conflict", at(0), at_1=True),
    ),
    "the counted one refused afterwards, since the other one was remembered": Told(
        [sent("a", 202), sent("b", 202), sent("a", 409, 2)],
        [record("a", at(0)), record("b", at(1))],
        became("conflict", at(0), at_1=True),
    ),
    "two partitions": Told(
        [sent("a", 202), sent("b", 202)],
        [record("b", at(0)), record("a", at(7, partition=1))],
        Became("conflict", True, at(7, partition=1), {at(0): True}),
    ),
    "mended after a refusal": Told(
        [sent("wrong", 422), sent("right", 202, 2)], [record("right", at(0))], became("counted", at(0))
    ),
    "another agency's same id": Told(
        [sent("a", 202), sent("b", 202, of=OTHER_AGENCY)],
        [record("a", at(0)), record("b", at(1), of=OTHER_AGENCY)],
        became("counted", at(0)),
        {OTHER_AGENCY: became("counted", at(1))},
    ),
    "more repeats than are shown": Told(
        [sent("a", 202, n) for n in range(MOST_OTHERS + 2)],
        [record("a", at(n)) for n in range(MOST_OTHERS + 2)],
        became("duplicate", at(0), **{f"at_{n}": False for n in range(1, MOST_OTHERS + 1)}),
    ),
}

WRONG: list[tuple[str, Told, set[str]]] = [
    (
        "accepted, and lost",
        Told([sent("a", 202)]),
        {"accepted_is_counted", "accepted_is_written"},
    ),
    (
        "accepted, written, and not counted",
        Told([sent("a", 202)], [record("a", at(0))], became("accepted", at(0), is_counted=False)),
        {"accepted_is_counted", "written_is_counted"},
    ),
    (
        "accepted, and put aside",
        Told([sent("a", 202)], [record("a", at(0))], became("dead", at(0), is_counted=False)),
        {"accepted_is_counted", "written_is_counted"},
    ),
    (
        "uncertain, written, and never read",
        Told([sent("a", 503)], [record("a", at(0))]),
        {"written_is_counted"},
    ),
    (
        "refused, and counted",
        Told([sent("a", 422)], [record("a", at(0))], became("counted", at(0))),
        {"counted_was_let_in", "written_was_let_in"},
    ),
    (
        "never sent, and counted",
        Told([sent("a", Outcome.NOT_SENT)], [record("a", at(0))], became("counted", at(0))),
        {"counted_was_let_in", "written_was_let_in"},
    ),
    (
        "refused as a conflict, and written all the same",
        Told(
            [sent("a", 202), sent("b", 409, 2)],
            [record("a", at(0)), record("b", at(1))],
            became("conflict", at(0), at_1=True),
        ),
        {"written_was_let_in"},
    ),
    (
        "refused as a conflict, and counted instead of the other",
        Told([sent("a", 202), sent("b", 409, 2)], [record("b", at(1))], became("counted", at(1))),
        {"counted_was_let_in", "accepted_is_written", "written_was_let_in"},
    ),
    (
        "mended, but the refused one is counted",
        Told([sent("wrong", 422), sent("right", 202, 2)], [record("wrong", at(0))], became("counted", at(0))),
        {"counted_was_let_in", "accepted_is_written", "written_was_let_in"},
    ),
    (
        "what nobody sent is counted",
        Told([], [record("a", at(0))], became("counted", at(0))),
        {"counted_was_let_in", "written_was_let_in"},
    ),
    (
        "what was written is not what was sent",
        Told([sent("a", 202)], [record("a, garbled", at(0))], became("counted", at(0))),
        {"counted_was_let_in", "accepted_is_written", "written_was_let_in"},
    ),
    (
        "counted from nowhere",
        Told([sent("a", 202)], [record("a", at(0))], became("duplicate", at(9), at_0=False)),
        {"counted_was_let_in", "the_first_wins", "later_ones_are_shown"},
    ),
    (
        "known, and in no log",
        Told([sent("a", 503)], [], became("accepted", at(0), is_counted=False)),
        {"written_is_counted"},
    ),
    (
        "the second content wins",
        Told(
            [sent("a", 202), sent("b", 202)],
            [record("a", at(0)), record("b", at(1))],
            became("conflict", at(1), at_0=True),
        ),
        {"the_first_wins"},
    ),
    (
        "a conflict shown as a repeat",
        Told(
            [sent("a", 202), sent("b", 202)],
            [record("a", at(0)), record("b", at(1))],
            became("duplicate", at(0), at_1=False),
        ),
        {"later_ones_are_shown"},
    ),
    (
        "a repeat shown as a conflict",
        Told(
            [sent("a", 202), sent("a", 202)],
            [record("a", at(0)), record("a", at(1))],
            became("conflict", at(0), at_1=True),
        ),
        {"later_ones_are_shown"},
    ),
    (
        "a repeat not shown",
        Told([sent("a", 202), sent("a", 202)], [record("a", at(0)), record("a", at(1))], became("counted", at(0))),
        {"later_ones_are_shown"},
    ),
    (
        "a repeat shown that is none",
        Told([sent("a", 202)], [record("a", at(0))], became("duplicate", at(0), at_5=False)),
        {"later_ones_are_shown"},
    ),
    (
        "the wrong word for what is shown",
        Told([sent("a", 202)], [record("a", at(0))], became("duplicate", at(0))),
        {"later_ones_are_shown"},
    ),
    (
        "called a duplicate, and is the first",
        Told(
            [called_duplicate("a", 0), sent("a", 202, 5), sent("a", 422, 0)],
            [record("a", at(0)), record("a", at(1))],
            became("duplicate", at(0), at_1=False),
        ),
        {"duplicate_answers_are_true"},
    ),
    (
        "called a duplicate of another content",
        Told(
            [sent("a", 202), called_duplicate("b", 2)],
            [record("a", at(0)), record("b", at(1))],
            became("conflict", at(0), at_1=True),
        ),
        {"duplicate_answers_are_true"},
    ),
    (
        "called a duplicate of another agency's",
        Told(
            [sent("a", 202, of=OTHER_AGENCY), called_duplicate("a", 2)],
            [record("a", at(0), of=OTHER_AGENCY), record("a", at(1))],
            became("counted", at(1)),
            {OTHER_AGENCY: became("counted", at(0))},
        ),
        {"duplicate_answers_are_true"},
    ),
    ("a conflict with nothing", Told([sent("a", 409)]), {"conflict_answers_are_true"}),
    (
        "a conflict with itself",
        Told([sent("a", 202), sent("a", 409, 2)], [record("a", at(0))], became("counted", at(0))),
        {"conflict_answers_are_true"},
    ),
    (
        "a conflict with what was refused long ago",
        Told([sent("a", 422), sent("b", 409, 2)]),
        {"conflict_answers_are_true"},
    ),
    (
        "a conflict with what came later",
        Told([sent("a", 409), sent("b", 202, 2)], [record("b", at(0))], became("counted", at(0))),
        {"conflict_answers_are_true"},
    ),
    (
        "a conflict with another agency's",
        Told(
            [sent("a", 202, of=OTHER_AGENCY), sent("b", 409, 2)],
            [record("a", at(0), of=OTHER_AGENCY)],
            None,
            {OTHER_AGENCY: became("counted", at(0))},
        ),
        {"conflict_answers_are_true"},
    ),
]


@pytest.mark.parametrize("told", RIGHT.values(), ids=RIGHT)
def test_a_right_history_passes(told: Told) -> None:
    """Whatever the promises allow is no complaint."""
    assert complaints_of(told.history()) == []


@pytest.mark.parametrize(("told", "broken"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_history_is_rejected(told: Told, broken: set[str]) -> None:
    """Exactly the rules that it breaks complain."""
    assert {complaint.split(": ")[1] for complaint in complaints_of(told.history())} == broken


def test_each_rule_rejects_something() -> None:
    """No rule is idle: each one finds a wrong history of the table."""
    broken = set(itertools.chain.from_iterable(row[2] for row in WRONG))
    assert broken == {rule.__name__ for rule in RULES}


def test_what_is_counted_is_what_stands_at_the_position_told() -> None:
    """Not what was sent, and not what was accepted."""
    told = RIGHT["two partitions"]
    assert told.history().counted() == {EVENT: "a"}
    assert Case(told.attempts, told.written, None).counted is None
