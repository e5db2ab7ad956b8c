"""The states of a delivery. Pure."""

from __future__ import annotations

HELD = "held"  # waits for a silence, an outage or quiet hours to end
PENDING = "pending"
DELIVERED = "delivered"
DEAD = "dead"
SUPPRESSED = "suppressed"
