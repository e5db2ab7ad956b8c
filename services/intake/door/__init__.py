"""Who is let in: key, rate, turn, then the checks, in the order that clients are promised."""
