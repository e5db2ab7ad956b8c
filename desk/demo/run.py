"""`desk demo` from its first line to its last: a stack of its own, the scenario, the table, everything stopped."""

from __future__ import annotations

import functools
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from desk.demo.client import Client, ServiceAway
from desk.demo.expected import Expected, expect
from desk.demo.feed import Feed, Watchman
from desk.demo.holding import Outstanding
from desk.demo.interrupts import run_until_signal, while_running
from desk.demo.playing import Player
from desk.demo.receiver import Receiver, listen, new_secret, write_receivers
from desk.demo.scenario import Scenario, load_scenario
from desk.demo.screen import Screen, local, make_console, place_name
from desk.demo.stepping import Stepper
from desk.demo.summary import Row, all_agree, rows
from desk.running import Misconfigured, RunningStack, StackError, StackOptions, run_stack
from shared.election.calendar import Calendar
from shared.election.loaded import DEFAULT_ROSTER, load_calendar
from shared.settings import Settings

AGREED, DIFFERED, MISUSED, INTERRUPTED = 0, 1, 2, 130
STANDING = 0  # the clock's rate: the demo itself puts it forward
ELECTION = Settings().election


def run_demo(data_dir: Path | None, port_base: int | None, is_plain: bool) -> int:
    """Replay the scenario. 0 if all is as expected, 1 if not, 2 for a data directory that is not empty, 130 after
    Ctrl-C (or SystemExit with 128 + the signal's number).

    Without `data_dir` all data is gone afterwards. Leaves no process behind, however it ends.
    """
    with suppress(AttributeError, ValueError):  # a stream that is no text file of its own
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    screen = Screen(make_console(is_plain))
    try:
        with _directory(data_dir) as directory:
            status = _replay(directory, port_base, screen)
    except (KeyboardInterrupt, SystemExit) as leaving:
        screen.end("interrupted")
        if isinstance(leaving, SystemExit):
            raise
        return INTERRUPTED
    except FileExistsError as error:
        screen.end("not_empty", data_dir=error)
        return MISUSED
    except (StackError, ServiceAway, ValueError, OSError) as error:
        screen.end("failed", problem=error)
        return MISUSED if isinstance(error, Misconfigured) else DIFFERED
    screen.end("stopped")
    return status


@contextmanager
def _directory(data_dir: Path | None) -> Iterator[Path]:
    """The data directory; a fresh one that is removed at the end, if none is given. Raises FileExistsError if it has
    anything in it: an earlier run's events would be duplicates, and its alerts old news."""
    if data_dir is None:
        with tempfile.TemporaryDirectory(prefix="desk-demo-", ignore_cleanup_errors=True) as fresh:
            yield Path(fresh)
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    if any(data_dir.iterdir()):
        raise FileExistsError(str(data_dir))
    yield data_dir.absolute()


@dataclass(frozen=True)
class _Play:
    """What one replay is made of."""

    scenario: Scenario
    calendar: Calendar
    expected: Expected
    receiver: Receiver
    listening: socket.socket
    screen: Screen


def _replay(directory: Path, port_base: int | None, screen: Screen) -> int:
    scenario = load_scenario()
    calendar = load_calendar(ELECTION, DEFAULT_ROSTER, scenario.start.date())
    secret = new_secret()
    screen.say("note", "title", steps=len(scenario.steps))
    screen.say("note", "duration")
    began = time.monotonic()
    with listen() as listening:
        receivers = write_receivers(directory, listening.getsockname()[1], secret)
        clock = f"{scenario.start.isoformat()}@{STANDING}"
        options = StackOptions(directory, port_base, ELECTION, DEFAULT_ROSTER, receivers, clock, start_clock=False)
        with run_stack(options, screen.note) as stack:
            expected = expect(scenario, calendar, stack.agency)
            _introduce(stack, directory, expected, screen)
            play = _Play(scenario, calendar, expected, Receiver(secret), listening, screen)
            claims = run_until_signal(_story(play, stack))
            _conclude(claims, time.monotonic() - began, screen)
    return AGREED if all_agree(claims) else DIFFERED


def _introduce(stack: RunningStack, directory: Path, expected: Expected, screen: Screen) -> None:
    screen.say("note", "running_on", broker=stack.broker_name, data_dir=directory)
    if not stack.keeps_data:
        screen.say("trouble", "broker_forgets")
    screen.say("note", "look_at")
    for url in (stack.intake, stack.aggregator, stack.notifier):
        screen.plain(f"    {url}/docs")
    screen.say("note", "try_it")
    telling = max(expected.missing, key=lambda period: len(expected.missing[period]))
    for url in (f"{stack.aggregator}/v1/periods/{telling}", f"{stack.notifier}/v1/alerts"):
        screen.plain(f"    curl -s -H 'Authorization: Bearer {stack.operator_key}' {url}")


def _conclude(claims: list[Row], seconds: float, screen: Screen) -> None:
    screen.now = None
    screen.table(claims)
    if all_agree(claims):
        screen.say("resolved", "agree", seconds=round(seconds))
    else:
        screen.say("alert", "differ", count=sum(not row.agrees for row in claims))


async def _story(play: _Play, stack: RunningStack) -> list[Row]:
    """Play it all and compare. Raises ServiceAway, ValueError."""
    assert stack.clock is not None
    expected, screen, receiver, roster = play.expected, play.screen, play.receiver, play.calendar.roster
    place = functools.partial(place_name, roster)
    watchman = Watchman(stack, screen)
    async with aiohttp.ClientSession() as session, receiver.serve(play.listening):
        client = Client(stack, session, screen.retrying)
        feed = Feed(client, receiver, screen, place)
        outstanding = Outstanding(expected, client, receiver, screen)
        stepper = Stepper(stack.clock, screen.tick)
        holds = frozenset(telling.at for telling in expected.tellings)
        player = Player(
            play.scenario, play.calendar, place, client, receiver, screen, feed, stepper, outstanding, holds
        )

        async def main() -> list[Row]:
            screen.tick(stepper.now)
            screen.say("note", "begins", at=local(stepper.now))
            await player.play()
            await feed.refresh()
            return rows(expected, await player.look(watchman.notifier_restarts), roster.name)

        with screen.live():
            return await while_running(main(), feed.run(), watchman.run())
