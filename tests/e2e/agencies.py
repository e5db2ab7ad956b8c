"""Agencies' keys, made by the command that operators use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

KINDS = ("reports", "incidents", "statuses", "logistics")
TIMEOUT_S = 60.0


def make_key(env: Mapping[str, str], agency: str, region: str) -> str:
    """The key of a new agency that may send everything for a region and all below it. `env` has DESK_MONGO."""
    command = [sys.executable, "-m", "desk", "agency", "add", agency, "--region", region]
    command += [f"--kind={kind}" for kind in KINDS]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]
