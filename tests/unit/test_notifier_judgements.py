"""Judgements: when who is judged, and what proves that the log is read."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.notifier.verdicts import judgements
from shared.election.roster import Region
from tests.builders import REGIONS, a_calendar, utc


@pytest.mark.parametrize(
    ("ends", "committed", "expected"),
    [
        ({}, {}, []),
        ({0: (0, 0)}, {}, []),  # nothing was ever written
        ({0: (7, 7)}, {}, []),  # all of it has expired: nothing to read
        ({0: (0, 5)}, {}, [0]),
        ({0: (0, 5)}, {0: 0}, [0]),
        ({0: (0, 5)}, {0: 4}, [0]),
        ({0: (0, 5)}, {0: 5}, []),
        ({0: (0, 5)}, {0: 6}, []),  # more has been written and read since
        ({0: (3, 5)}, {0: 3}, [0]),
        ({0: (0, 1), 1: (0, 1), 2: (0, 0), 3: (0, 9)}, {0: 1, 3: 8}, [1, 3]),
        ({2: (0, 1), 0: (0, 1)}, {}, [0, 2]),
        ({0: (0, 1)}, {0: 1, 1: 0}, []),  # a partition that came later: nothing of the judgement is in it
    ],
)
def test_unread(ends: dict[int, tuple[int, int]], committed: dict[int, int], expected: list[int]) -> None:
    """Every partition must be committed up to the end it had; one whose beginning is its end has passed."""
    assert judgements.unread(ends, committed) == expected


def test_one_judgement_per_period_and_moment() -> None:
    """Regions of one zone are judged together; another zone at its own moment; each region once a period."""
    in_wib = tuple(
        Region(r.code, r.parent, r.level, r.name, "Asia/Jakarta" if r.code == "64.71" else None) for r in REGIONS
    )
    calendar = a_calendar(*in_wib, obligations_from=date(2024, 12, 9))
    planned = judgements.planned(calendar).values()
    owed = {j.id: judgements.owed_in(calendar.owing(j.period), j, None, 9) for j in planned}
    assert {judgement: list(those) for judgement, those in owed.items()} == {
        "kaltim-2024:2024-12-09@2024-12-09T18:00:00Z": ["64.02", "64.72"],
        "kaltim-2024:2024-12-09@2024-12-09T19:00:00Z": ["64.71"],
        "kaltim-2024:2024-12-16@2024-12-16T18:00:00Z": ["64.02", "64.72"],
        "kaltim-2024:2024-12-16@2024-12-16T19:00:00Z": ["64.71"],
    }
    assert all(d.judge_at - d.due_at == timedelta(hours=2) for those in owed.values() for d in those.values())


def test_document_of_a_judgement() -> None:
    """It begins open, with its period and moment, its ends not taken yet."""
    ((judgement, planned),) = judgements.planned(a_calendar(obligations_from=date(2024, 12, 16))).items()
    document = judgements.to_document(planned)
    assert document["_id"] == judgement
    assert (document["period"], document["judge_at"]) == ("2024-12-16", utc("2024-12-16T18:00Z"))
    assert (document["state"], document["ends"], document["is_called_undetermined"]) == ("open", None, False)
