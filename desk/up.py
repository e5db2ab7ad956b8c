"""`desk up`: the embedded stack in the foreground."""

from __future__ import annotations

import json
import time

import typer

from desk.console import say
from desk.running import RunningStack, StackOptions, run_stack
from desk.stack_options import checked_settings, nothing_ahead

LOOK_EVERY_S = 0.2


def up(options: StackOptions) -> None:
    """Run until a signal, which leaves by SystemExit. Stdout gets one JSON line when all is ready.

    Raises Misconfigured, StackError.
    """
    began = time.monotonic()
    warning = nothing_ahead(checked_settings(options))
    if warning is not None:
        say(warning)
    with run_stack(options, say) as running:
        typer.echo(ready_line(running))
        say(f"Ready after {time.monotonic() - began:.0f} s on {running.broker_name}.")
        say(f"To try: {running.intake}/docs, {running.aggregator}/docs and {running.notifier}/docs")
        say("Ctrl-C stops everything.")
        while True:
            time.sleep(LOOK_EVERY_S)
            for message in running.poll():
                say(message)


def ready_line(running: RunningStack) -> str:
    """The contract with programs that start us: docs/desk-up.md."""
    return json.dumps(
        {
            "ready": True,
            "intake": running.intake,
            "aggregator": running.aggregator,
            "notifier": running.notifier,
            "kafka": running.kafka,
            "mongo": running.mongo,
            "agency": running.agency,
            "keys": {"agency": running.agency_key, "operator": running.operator_key},
            "pids": running.pids(),
        }
    )
