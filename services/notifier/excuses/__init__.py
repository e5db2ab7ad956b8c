"""Who need not report, for which days, and why."""
