"""What is looked at when its moment comes: deadlines, lines of logistics; and the proof that the log is read."""
