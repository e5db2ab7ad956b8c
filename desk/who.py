"""Who runs a command, for what is kept beside a change."""

from __future__ import annotations

import getpass
import os


def who() -> str:
    """`cli:` and the user's name; its number where the system has no name for it, as in a container."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # Python 3.11 and 3.13 say it differently
        return f"cli:{os.getuid()}"
