"""Intake: takes reports and incidents from agencies, checks them, publishes them, answers."""
