"""The one error of the local stack."""


class StackError(Exception):
    """Something the local stack needs is missing or broken; the message says what a person can do."""
