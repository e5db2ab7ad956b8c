"""What the log amounts to: the documents that are folded out of it, one pure module a collection.

Which event changes which of them: `services/aggregator/changes.py`.
"""
