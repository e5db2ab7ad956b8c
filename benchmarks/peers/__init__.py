"""The limits and the peers that are processes of their own."""
