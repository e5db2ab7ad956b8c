"""Logistics: the collection of what regions have received, by the statement that holds; the rule of it is
`shared/election/stock_statements.py`. Pure."""

from __future__ import annotations

COLLECTION = "logistics"
