"""Who is told in the demo: names of receivers, and what is escalated. Pure."""

from __future__ import annotations

from services.notifier.rules import quiet_period_violation

DESK = "desk-provinsi"  # of everything
HEAD = "kepala-desk"  # of what nobody has taken in hand for too long
GONE = "piket-lama"  # wants no more (410)

ESCALATED_RULES = (quiet_period_violation.NAME,)
ESCALATED_REGIONS = ("64.72", "64.08")
ESCALATED_AFTER_M = 30
