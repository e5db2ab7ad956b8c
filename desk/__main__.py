"""The `desk` command. A signal to stop leaves at any moment, through every clean-up, with status 128 + its number."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def main() -> None:
    """Signals first: the imports behind the command take a moment, in which Ctrl-C shall leave no traceback.

    SIGINT counts even where a script's `&` made us ignore it; an ignored SIGHUP (nohup) stays ignored.
    """
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _leave)
    from desk.cli import main as command

    command()


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
