"""Periods, as they are shown: who owes the report, who reported, what the verdicts are, and their counts."""
