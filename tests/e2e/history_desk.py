"""A stack with several replicas of intake, whose processes can be killed, stopped and set going again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from desk.running import RunningStack, StackOptions, run_stack
from desk.service_processes import environment, service_child, wait_until_all_ready
from desk.stack.ports import HOST, free_ports
from desk.supervisor import Child, stop_together
from tests.e2e.agencies import make_key
from tests.e2e.history_contents import BEGIN
from tests.e2e.history_plan import AGENCIES
from tests.e2e.scenario_files import KALTIM

REPLICAS = 3  # of intake
# Those beyond the first wait less for Kafka, so that a restart of it is a 503 there, and a write that never happens.
HASTY_S = 2.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Desk:
    """`replicas` are intake's addresses, `keys` the agencies' keys. Call its methods from the main thread."""

    running: RunningStack
    replicas: tuple[str, ...]
    keys: dict[str, str]
    more: tuple[Child, ...]

    @property
    def intakes(self) -> tuple[str, ...]:
        """The names of intake's processes, in the order of `replicas`."""
        return "intake", *(child.name for child in self.more)

    def poll(self) -> list[str]:
        """Start again what died; what happened, in words."""
        messages = [child.poll() for child in self.more]
        return [*self.running.poll(), *(message for message in messages if message is not None)]

    def signal(self, name: str, number: signal.Signals) -> None:
        """To the process of that name; nothing happens if it is dead already and waits for its restart."""
        pids = {child.name: child.process.pid for child in self.more if child.process is not None}
        with suppress(ProcessLookupError):
            os.kill({**self.running.pids(), **pids}[name], number)


@contextmanager
def running_desk(data_dir: Path, say: Say) -> Iterator[Desk]:
    """Everything up and ready; all of it is stopped at the end, also what stands still."""
    options = StackOptions(data_dir=data_dir, election=KALTIM, clock=f"{BEGIN}@1")
    with run_stack(options, say) as running, ExitStack() as cleanup:
        ports = free_ports(REPLICAS - 1)
        env = environment(
            os.environ,
            kafka=running.kafka,
            mongo=running.mongo,
            election=KALTIM,
            clock=options.clock,
            data_dir=data_dir.absolute(),
            publish_deadline_s=HASTY_S,
        )
        names = [f"intake-{n}" for n in range(2, REPLICAS + 1)]
        more = tuple(_replica(name, port, env, data_dir) for name, port in zip(names, ports, strict=True))
        keys = {agency: make_key(env, agency, region) for agency, region in AGENCIES.items()}
        desk = Desk(running, (running.intake, *(f"http://{HOST}:{p}" for p in ports)), keys, more)
        cleanup.callback(stop_together, more, lambda: False)
        cleanup.callback(_wake_all, desk)
        for child in more:
            child.start()
        wait_until_all_ready(more, ports, say)
        yield desk


def _replica(name: str, port: int, env: dict[str, str], data_dir: Path) -> Child:
    child = service_child("intake", port, env, data_dir / "logs" / f"{name}.log")
    child.name = child.label = name
    return child


def _wake_all(desk: Desk) -> None:
    """A process that stands still would not hear that it shall end."""
    for name in {*desk.running.pids(), *desk.intakes}:
        desk.signal(name, signal.SIGCONT)
