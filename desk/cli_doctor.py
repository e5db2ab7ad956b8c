"""`desk doctor`: is this installation well, and if not, what is to be done?"""

from __future__ import annotations

import asyncio
import logging

import typer

from desk.options import settings_with


def doctor() -> None:
    """Look at services, Kafka, MongoDB, clocks, keys, receivers and lag, and say in words what to do.

    Reads only. Asks the addresses in DESK_KAFKA, DESK_MONGO, DESK_INTAKE_URL, DESK_AGGREGATOR_URL and
    DESK_NOTIFIER_URL. Status 1 if something is broken.
    """
    from desk.doctor.finding import Level, in_lines, verdict
    from desk.doctor.run import examine

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it warns of is in the findings
    findings = asyncio.run(examine(settings_with()))
    for finding in findings:
        typer.echo(in_lines(finding))
    typer.echo(verdict(findings))
    if any(finding.level is Level.BAD for finding in findings):
        raise typer.Exit(1)
