"""The aggregator: the read model of everything the desks look at, folded exactly once from the log."""
