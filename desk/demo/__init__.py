"""`desk demo`: East Kalimantan's election desks from 11 to 28 November 2024, replayed on a scenario clock."""
