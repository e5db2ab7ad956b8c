"""Does what clients were answered fit what stands in the log, and what the aggregator says of it? Pure.

A history is judged identity by identity, (agency, id); each rule says in words what is wrong, and no complaint at all
means that every promise held:
- Accepted means written, and counted. Counted means accepted, or uncertain: a 503, or no answer.
- What was only ever refused is never written.
- Of what stands in the log under one identity the first counts, and every later one is shown as what it is.
- No answer is a lie: `duplicate` needs an earlier one of the same content, 409 one of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.e2e.history import MAY_BE_WRITTEN, Case, History, Outcome

# So many later sightings of one identity are shown, no more.
MOST_OTHERS = 50
CONFLICT = 409

Complaints = Iterator[str]


def accepted_is_counted(case: Case) -> Complaints:
    if case.accepted and case.counted is None:
        yield f"{sorted(case.accepted)} was accepted, and nothing is counted"


def counted_was_let_in(case: Case) -> Complaints:
    if case.counted is not None and case.counted not in case.let_in:
        yield f"{case.counted} is counted, and was neither accepted nor uncertain"


def accepted_is_written(case: Case) -> Complaints:
    for content in sorted(case.accepted - {w.content for w in case.written}):
        yield f"{content} was accepted, and does not stand in the log"


def written_was_let_in(case: Case) -> Complaints:
    for record in case.written:
        if record.content not in case.let_in:
            yield f"{record.content} stands at {record.position}, and was neither accepted nor uncertain"


def written_is_counted(case: Case) -> Complaints:
    if case.written and case.counted is None:
        yield f"it stands in the log, and became {case.became}"
    if case.became is not None and not case.written:
        yield f"it became {case.became}, and does not stand in the log"


def the_first_wins(case: Case) -> Complaints:
    """Within a partition. Which of two partitions is read first, nobody promises."""
    if case.became is None:
        return
    *where, offset = case.became.position
    for record in case.written:
        *elsewhere, earlier = record.position
        if elsewhere == where and earlier < offset:
            yield f"{case.became.position} is counted, but {record.content} stands before it at {record.position}"


def later_ones_are_shown(case: Case) -> Complaints:
    became, counted = case.became, case.counted
    if became is None or counted is None:
        return
    later = {w.position: w.content != counted for w in case.written if w.position != became.position}
    shown = dict(became.others)
    if shown != later and (len(later) <= MOST_OTHERS or len(shown) < MOST_OTHERS or shown.items() - later.items()):
        yield f"later ones are {later}, shown are {shown}"
    status = "conflict" if any(shown.values()) else "duplicate" if shown else "counted"
    if became.status != status:
        yield f"its status is {became.status}, and should be {status}"


def duplicate_answers_are_true(case: Case) -> Complaints:
    for one in case.attempts:
        if one.is_duplicate and not any(
            a is not one and a.content == one.content and a.outcome in MAY_BE_WRITTEN and a.began < one.ended
            for a in case.attempts
        ):
            yield f"{one} was called a duplicate, and is the first"


def conflict_answers_are_true(case: Case) -> Complaints:
    """Another content must have been let in before, or have been under way at the same time."""
    for one in case.attempts:
        if one.status == CONFLICT and not any(
            a.content != one.content
            and a.began < one.ended
            and (a.outcome in MAY_BE_WRITTEN or (a.outcome is Outcome.REFUSED and a.ended > one.began))
            for a in case.attempts
        ):
            yield f"{one} was refused as a conflict, and nothing else came under its id"


RULES: tuple[Callable[[Case], Complaints], ...] = (
    accepted_is_counted,
    counted_was_let_in,
    accepted_is_written,
    written_was_let_in,
    written_is_counted,
    the_first_wins,
    later_ones_are_shown,
    duplicate_answers_are_true,
    conflict_answers_are_true,
)


def complaints_of(history: History) -> list[str]:
    """Every breach of a promise, in words, with the identity and the rule; none if all was right."""
    return [
        f"{'/'.join(identity)}: {rule.__name__}: {complaint}"
        for identity, case in history.cases().items()
        for rule in RULES
        for complaint in rule(case)
    ]
