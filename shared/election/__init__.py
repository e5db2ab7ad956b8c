"""The election: its calendar, its regions, its rules. Pure but for `files.py`, which reads the files."""
