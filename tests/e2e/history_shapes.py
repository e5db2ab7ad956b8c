"""How the clients of the history test send: once, again, with rivals at the same moment, in batches. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from tests.e2e.history_plan import ACCEPTED_OR_CONFLICT, ONE_CITY, Planner, Sending, Task

# So many tasks in a row are looked through for what one agency could send in a batch.
BATCH_FROM = 40
BATCHES = 0.3  # how often an agency does

Timed = tuple[float, Task]  # a moment between 0 and 1, and what goes out then


def tasks(plan: Planner, events: int) -> list[Task]:
    """About so many events, in the order of their beginnings."""
    timed: list[Timed] = []
    shapes, weights = zip(*SHAPES, strict=True)
    for n in range(events):
        # Events begin in the order in which they are made, so that one speaks of earlier ones.
        (shape,) = plan.chosen.choices(shapes, weights)
        timed += shape(plan, n / events)
    in_order = [task for _, task in sorted(timed, key=lambda timed: timed[0])]
    windows = [in_order[n : n + BATCH_FROM] for n in range(0, len(in_order), BATCH_FROM)]
    return [task for window in windows for task in _in_batches(plan, window)]


def _in_batches(plan: Planner, window: Sequence[Task]) -> Iterator[Task]:
    """The same sendings; some agencies send theirs in one request, in their order."""
    batching = {agency for agency in ("kpu", "bawaslu", "samarinda") if plan.chosen.random() < BATCHES}
    batches: dict[str, list[Sending]] = {agency: [] for agency in batching}
    for task in window:
        first = task[0][0]
        if len(task) == 1 and first.agency in batching and first.patience_s is None:
            batches[first.agency].append(first)
        else:
            yield task
    for batch in batches.values():
        if batch:
            yield (tuple(batch),)


def _at_once(*sendings: Sending) -> Task:
    return tuple((sending,) for sending in sendings)


def once(plan: Planner, moment: float) -> Iterator[Timed]:
    yield moment, _at_once(plan.sending())


def again(plan: Planner, moment: float) -> Iterator[Timed]:
    """The same content again and again, at other moments."""
    one = plan.sending()
    yield moment, _at_once(one)
    for _ in range(plan.chosen.randint(1, 3)):
        yield _later(plan, moment), _at_once(one)


def repeated_at_once(plan: Planner, moment: float) -> Iterator[Timed]:
    """The same content several times at the same moment."""
    one = plan.sending()
    yield moment, _at_once(*[one] * plan.chosen.randint(2, 3))


def rivals(plan: Planner, moment: float) -> Iterator[Timed]:
    """Two contents under one id at the same moment; then each of them again."""
    one = replace(plan.sending(is_spoken_of=False), expected=ACCEPTED_OR_CONFLICT)
    other = plan.other_content(one)
    yield moment, _at_once(one, other)
    yield _later(plan, moment), _at_once(one)
    yield _later(plan, moment), _at_once(other)


def rivals_of_two_kinds(plan: Planner, moment: float) -> Iterator[Timed]:
    """A report and an incident under one id: they stand in two topics, and one of them counts."""
    one = replace(plan.sending("report", is_spoken_of=False), expected=ACCEPTED_OR_CONFLICT)
    other = plan.other_content(one, "incident")
    yield moment, _at_once(one, other)
    yield _later(plan, moment), _at_once(other)


def other_content_later(plan: Planner, moment: float) -> Iterator[Timed]:
    one = replace(plan.sending(is_spoken_of=False), expected=ACCEPTED_OR_CONFLICT)
    yield moment, _at_once(one)
    yield _later(plan, moment), _at_once(plan.other_content(one))


def other_agency(plan: Planner, moment: float) -> Iterator[Timed]:
    """Another agency takes the same id for an event of its own."""
    one = plan.sending("incident")
    another = "kpu" if one.agency == "bawaslu" else "bawaslu"
    yield moment, _at_once(one, Sending(another, one.event_id, plan.content(another, "incident")))


def mended(plan: Planner, moment: float) -> Iterator[Timed]:
    """A content that is refused, then the right one under the same id."""
    one = plan.sending("incident")
    other = plan.content(one.agency, "incident")
    wrong = replace(other, body={**other.body, "category": "no_such_category"})
    yield moment, _at_once(replace(one, content=wrong, expected=frozenset({422})))
    yield _later(plan, moment), _at_once(one)


def out_of_scope(plan: Planner, moment: float) -> Iterator[Timed]:
    """Refused, whatever happens: the key has no right to speak for the region."""
    one = replace(plan.sending("incident", is_spoken_of=False), agency="samarinda", expected=frozenset({403}))
    if not one.content.region.startswith(ONE_CITY):
        yield moment, _at_once(one)


def given_up(plan: Planner, moment: float) -> Iterator[Timed]:
    """One try, and its client hardly waits for the answer."""
    yield moment, _at_once(replace(plan.sending(is_spoken_of=False), patience_s=plan.chosen.uniform(0.002, 0.02)))


def _later(plan: Planner, moment: float) -> float:
    """Soon after, or at any time until the end."""
    span = plan.chosen.choice((0.02, 1.0))
    return moment + (1 - moment) * span * plan.chosen.random()


Shape = Callable[[Planner, float], Iterable[Timed]]
# Each shape with how often it is taken.
SHAPES: tuple[tuple[Shape, int], ...] = (
    (once, 60),
    (again, 12),
    (repeated_at_once, 5),
    (rivals, 8),
    (rivals_of_two_kinds, 2),
    (other_content_later, 4),
    (other_agency, 2),
    (mended, 2),
    (out_of_scope, 1),
    (given_up, 4),
)
