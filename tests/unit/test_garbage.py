"""Looking for circles of garbage: not while a batch is in hand, and again after it, whatever became of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from shared.garbage import no_look_for_garbage


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was_on else gc.disable)()


def test_it_goes_on_after_a_batch_that_failed() -> None:
    """The process lives on, and so must the looking."""
    seen = []

    def fail() -> None:
        with no_look_for_garbage():
            seen.append(gc.isenabled())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (seen, gc.isenabled()) == ([False], True)


@pytest.mark.parametrize("is_first_out", [True, False])
def test_of_two_batches_at_once_the_last_one_out_leaves_it_on(is_first_out: bool) -> None:
    """In whichever order they end."""
    one, other = no_look_for_garbage(), no_look_for_garbage()
    one.__enter__()
    other.__enter__()
    for each in (one, other) if is_first_out else (other, one):
        each.__exit__(None, None, None)
    assert gc.isenabled()


def test_where_nobody_looked_before_nobody_looks_after() -> None:
    """What was chosen elsewhere stays."""
    gc.disable()
    with no_look_for_garbage():
        pass
    assert not gc.isenabled()
