"""The notifier: who owes which report, verdicts on it, alerts, and their delivery to receivers."""
