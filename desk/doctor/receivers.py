"""Files and receivers: can the files be read, is anybody told, does what is sent arrive?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desk.doctor.finding import Finding, bad, look, ok
from desk.receivers import states
from services.notifier.delivery.receiver_state import AWAY, DISABLED
from services.notifier.routing.receivers import Receiver, Receivers, read_receivers
from shared.election.loaded import load_calendar
from shared.exactly_once import retention
from shared.mongo import DatabaseError, in_words
from shared.production import weak_because
from shared.settings import Settings
from shared.yaml_files import BadFile

TIMEOUT_S = 15.0
_CONSOLE = "console"


async def examine(settings: Settings) -> list[Finding]:
    """Raises nothing."""
    try:
        told, findings = _files(settings)
    except BadFile as error:
        return [bad("files", str(error), "repair it; `desk check` reads all files and says what they say")]
    try:
        async with asyncio.timeout(TIMEOUT_S):
            found = await states(settings, tuple(told.receivers))
    except (DatabaseError, TimeoutError) as error:
        said = f"how they are doing cannot be read: {in_words(error)}"
        return [*findings, bad("receivers", said, "see what this page says of MongoDB")]
    return [*findings, *judge_channels(told.receivers), *judge_states(found)]


def judge_channels(receivers: Sequence[Receiver]) -> Iterator[Finding]:
    """Whether alerts leave the house at all, and are signed with what others do not know."""
    if all(receiver.channel == _CONSOLE for receiver in receivers):
        advice = "name a webhook, mail or chat in the receivers file (DESK_RECEIVERS): docs/receivers-file.md"
        yield look("receivers", "alerts go to the notifier's log and nowhere else", advice)
    for receiver in receivers:
        for secret in receiver.secrets():
            reason = weak_because(secret)
            if reason == "as in an example":
                yield bad("receivers", f"{receiver.name} has a secret {reason}", "put one of your own there")
                break


def judge_states(found: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Of what `GET /v1/receivers` shows."""
    for one in found:
        name = str(one["name"])
        if one["state"] == DISABLED:
            advice = f"when the reason is gone: `desk receivers enable {name}`"
            yield bad("receivers", f"{name} is disabled: {one['disabled_because']}", advice)
        elif one["state"] == AWAY:
            advice = f"`desk receivers test {name}` tries it now; docs/runbooks/receivers.md"
            yield bad("receivers", f"{name} does not answer: {one['last_problem']}", advice)
        if one["dead"]:
            advice = "GET /v1/deliveries?state=dead shows them, POST /v1/deliveries/ID/retry sends one again"
            yield look("receivers", f"{name}: {one['dead']} messages could not be delivered", advice)
    if found:
        yield ok("receivers", f"{len(found)}, with {sum(one['pending'] for one in found)} messages waiting")


def _files(settings: Settings) -> tuple[Receivers, list[Finding]]:
    """Raises BadFile."""
    calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    told = read_receivers(settings.receivers)
    problem = retention.too_short_because(calendar.election, settings.journal_retention)
    said = ok("files", f"election {calendar.election.election}, {len(list(calendar.roster))} regions")
    if problem is None:
        return told, [said]
    return told, [said, look("journal", problem, "raise DESK_JOURNAL_RETENTION and run `desk init`")]
