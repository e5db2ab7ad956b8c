"""Who owes which report, when that is judged, and the verdicts on it."""
