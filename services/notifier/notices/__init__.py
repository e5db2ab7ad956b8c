"""What receivers are told, in words and as payload, and the proof that they were."""
