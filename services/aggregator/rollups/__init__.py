"""Sums over a region and everything below it, and what of them somebody should look at."""
