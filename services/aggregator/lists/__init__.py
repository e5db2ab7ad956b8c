"""The lists of the read API: what they take, and the way to them."""
