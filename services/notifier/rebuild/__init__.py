"""The database was lost: what it knew comes back from `desk.alerts`."""
