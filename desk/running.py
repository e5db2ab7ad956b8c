"""The whole stack as local processes, for `desk up`, the demo and the tests: broker, database, three services."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from desk import data_dir as kept_in
from desk.service_processes import SERVICES, Misconfigured, environment, service_child, wait_until_all_ready
from desk.signals import noted
from desk.stack import mongod
from desk.stack.brokers import Broker, choose_broker
from desk.stack.errors import StackError
from desk.stack.ports import HOST, free_ports
from desk.stack.process import Command, run_to_end
from desk.stack_options import StackOptions, checked_settings, first_judged
from desk.supervisor import Child, stop_together
from shared.clock import ScenarioClock
from shared.settings import Settings

__all__ = ["Misconfigured", "RunningStack", "StackError", "StackOptions", "run_stack"]

INIT_TIMEOUT_S = 180.0
SERVER_GRACE_S = 20.0

Say = Callable[[str], None]


class Ports(NamedTuple):
    """In this order from `port_base` on."""

    intake: int
    aggregator: int
    notifier: int
    kafka: int
    mongod: int
    kafka_controller: int


@dataclass(frozen=True)
class RunningStack:
    """A stack that is ready: its addresses, its keys, its clock (None: the real one)."""

    intake: str
    aggregator: str
    notifier: str
    kafka: str
    mongo: str
    agency: str
    agency_key: str
    operator_key: str
    clock: ScenarioClock | None
    broker_name: str
    keeps_data: bool
    children: tuple[Child, ...]

    def pids(self) -> dict[str, int]:
        """The processes' ids now; a restart changes one."""
        return {child.name: child.process.pid for child in self.children if child.process is not None}

    def poll(self) -> list[str]:
        """Start again what died, on its port; what happened, in words.

        Call it often, from the main thread only: the kernel ends a child with the thread that started it.
        """
        return [message for child in self.children if (message := child.poll()) is not None]


@contextmanager
def run_stack(options: StackOptions, say: Say) -> Iterator[RunningStack]:
    """Start everything, wait until it is ready, stop it at the end, however the end comes: services first.

    A signal to stop during the end makes it a hard one. Raises Misconfigured for a bad setting or file, StackError
    for everything else that keeps the stack from starting.
    """
    directory = options.data_dir.absolute()
    settings = checked_settings(options)
    with ExitStack() as cleanup:
        cleanup.enter_context(kept_in.locked(directory))
        ports = Ports(*free_ports(len(Ports._fields), options.port_base))
        if unused := [name for name in ("DESK_KAFKA", "DESK_MONGO") if name in os.environ]:
            say(f"{' and '.join(unused)} will not be used: this stack brings its own.")
        broker = choose_broker(say)
        kept_in.fit_for(broker, directory, say)
        kept = kept_in.recall_or_keep(directory, settings.clock, first_judged(settings).isoformat())
        env = _environment(settings, kept, directory, ports)
        children = _children(broker, directory, ports, env)
        cleanup.callback(_stop, children, say)
        _start_all(children, ports, env, directory, say)
        clock = ScenarioClock(settings.clock, directory) if settings.clock else None
        if clock is not None and options.start_clock and not clock.is_anchored():
            clock.run()
        yield _running(ports, kept, clock, broker, children)


def _running(
    ports: Ports, kept: kept_in.Kept, clock: ScenarioClock | None, broker: Broker, children: tuple[Child, ...]
) -> RunningStack:
    return RunningStack(
        intake=f"http://{HOST}:{ports.intake}",
        aggregator=f"http://{HOST}:{ports.aggregator}",
        notifier=f"http://{HOST}:{ports.notifier}",
        kafka=f"{HOST}:{ports.kafka}",
        mongo=mongod.url(ports.mongod),
        agency=kept_in.AGENCY,
        agency_key=kept.agency_key,
        operator_key=kept.operator_key,
        clock=clock,
        broker_name=broker.name,
        keeps_data=broker.keeps_data,
        children=children,
    )


def _environment(settings: Settings, kept: kept_in.Kept, directory: Path, ports: Ports) -> dict[str, str]:
    return environment(
        os.environ,
        kafka=f"{HOST}:{ports.kafka}",
        mongo=mongod.url(ports.mongod),
        election=settings.election.absolute(),
        roster=settings.roster,
        receivers=settings.receivers,
        clock=settings.clock,
        data_dir=directory,
        obligations_from=kept.obligations_from,
    )


def _children(broker: Broker, directory: Path, ports: Ports, env: dict[str, str]) -> tuple[Child, ...]:
    """In the order of their start. A broker that keeps nothing gets its topics anew after each restart."""
    home = directory / (kept_in.KAFKA if broker.keeps_data else kept_in.TANSU)
    start_broker = functools.partial(broker.start, home, ports.kafka, ports.kafka_controller)
    start_mongod = functools.partial(mongod.start, directory / kept_in.MONGOD, ports.mongod)
    logs = directory / kept_in.LOGS
    again = None if broker.keeps_data else functools.partial(_initialise, env, directory)
    return (
        Child("kafka", broker.name, start_broker, SERVER_GRACE_S, after_restart=again),
        Child("mongod", "MongoDB", start_mongod, SERVER_GRACE_S),
        *(service_child(name, getattr(ports, name), env, logs / f"{name}.log") for name in SERVICES),
    )


def _start_all(children: tuple[Child, ...], ports: Ports, env: dict[str, str], directory: Path, say: Say) -> None:
    servers, services = children[: -len(SERVICES)], children[-len(SERVICES) :]
    say(f"Logs are in {directory / kept_in.LOGS} (services; the notifier's has the console channel's messages).")
    for child in servers:
        began = time.monotonic()
        say(f"Starting {child.label} on {HOST}:{getattr(ports, child.name)} ...")
        process = child.start()
        say(f"{child.label} is ready after {time.monotonic() - began:.1f} s; its log: {process.log_path}")
    say("Creating topics, indexes and keys ...")
    _initialise(env, directory)
    say(f"Starting {', '.join(s.label for s in services)} ...")
    for child in services:
        child.start()
    wait_until_all_ready(services, ports[: len(SERVICES)], say)


def _initialise(env: dict[str, str], directory: Path) -> None:
    keys = directory / kept_in.KEPT_FILE
    argv = [sys.executable, "-m", "desk", "init", "--stack-keys", str(keys)]
    run_to_end(Command("desk init", argv, directory / kept_in.LOGS / "init.log", env=env), INIT_TIMEOUT_S)


def _stop(children: tuple[Child, ...], say: Say) -> None:
    if all(child.process is None for child in children):
        return
    # A stop that has begun runs to its end; a second Ctrl-C makes it a hard one.
    with noted() as hurries:
        say("Stopping; once more Ctrl-C kills what is left at once.")
        killed = stop_together(children[-len(SERVICES) :], lambda: bool(hurries))
        killed += stop_together(children[: -len(SERVICES)], lambda: bool(hurries))
        say(f"Stopped; killed: {', '.join(killed)}." if killed else "Stopped; nothing is left running.")
