"""What waits instead of being told: silences, quiet hours, inhibition."""
