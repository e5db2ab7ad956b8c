"""Alerts and their life: what raises them, who takes them on, what ends them."""
