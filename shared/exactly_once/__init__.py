"""Exactly once, the way with a batch (docs/decisions/0003): five steps, a module each.

1. `sightings.py`, `dead_letters.py`: raw bytes to events, bad ones aside.
2. `journal.py`: the first sighting of each identity wins.
3. `documents.py`, `cursors.py`: fold into documents by compare-and-set, cursors inside.
4. `consumer.py`: commit exactly `last + 1`, or seek back and try again; `pace.py`: how far behind it is.
5. `guard.py`: refuse a log that is not the one we have read; `comparison.py`: read again what the database has lost.
`steps.py` puts 1 to 3 in a row, for a large batch in several lanes at once (`lanes.py`).
"""
