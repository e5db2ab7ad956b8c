"""Planned deliveries on their way: leases, attempts, retries, breakers, and how each receiver is doing."""
