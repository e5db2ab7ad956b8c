"""Which content is under way under which id."""

from __future__ import annotations

from services.intake.accepting.flights import Flights


def test_other_content_has_to_wait_until_all_copies_have_landed() -> None:
    """Copies of the same content fly together; afterwards nothing is kept, and the other is free."""
    flights = Flights()
    for _ in range(2):
        assert flights.is_free("a", "one")
        flights.begin("a", "one")
    assert not flights.is_free("a", "other")
    assert flights.is_free("b", "other")
    flights.end("a")
    assert not flights.is_free("a", "other")
    flights.end("a")
    assert flights.is_free("a", "other")
    assert not flights._flying
