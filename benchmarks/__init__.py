"""Speed, as ratios in one run against the raw limit: `make bench`. Machines are noisy: read ratios, not seconds."""
