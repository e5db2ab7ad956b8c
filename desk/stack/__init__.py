"""Broker and database as plain local processes, without Docker: for `desk up`, `desk demo` and the tests."""
