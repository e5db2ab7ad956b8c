"""Which broker and database the tests use: the environment's, else containers, else local processes. All are real.

Containers take the images that docker-compose.yml names, where a Docker engine is there and has them or can get them.
"""

from __future__ import annotations

import functools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pymongo.errors import PyMongoError

from desk.replica_set import NotYetPrimary, found_replica_set
from desk.stack import mongod
from desk.stack.brokers import choose_broker
from desk.stack.kafka_probe import why_not_ready
from desk.stack.ports import free_ports

KAFKA, MONGO = "DESK_TEST_KAFKA", "DESK_TEST_MONGO"
COMPOSE = Path(__file__).resolve().parents[1] / "docker-compose.yml"
ENGINE_TIMEOUT_S = 3.0
READY_TIMEOUT_S = 60.0

# What a run used, for the lines at its end: a local broker is known only when it is started.
SAID: dict[str, None] = {}


@dataclass(frozen=True)
class Backend:
    """`name` for people; `start` makes a context with its address, given a directory of its own."""

    name: str
    start: Callable[[Path], AbstractContextManager[str]]


@functools.cache
def broker() -> Backend:
    if given := os.environ.get(KAFKA):
        return Backend(f"the one that {KAFKA} names", lambda _: nullcontext(given))
    service = _composed("kafka")
    if _can_run(service["image"]):
        return Backend(f"{service['image']} in a container", lambda _: _kafka_container(service))
    return Backend("a local process (its name is said at the end)", _local_kafka)


@functools.cache
def database() -> Backend:
    if given := os.environ.get(MONGO):
        return Backend(f"the one that {MONGO} names", lambda _: nullcontext(given))
    service = _composed("mongo")
    if _can_run(service["image"]):
        return Backend(f"{service['image']} in a container", lambda _: _mongo_container(service))
    return Backend("a local mongod out of a wheel", _local_mongod)


@contextmanager
def _local_kafka(directory: Path) -> Iterator[str]:
    with ExitStack() as stack:
        port, controller_port = free_ports(2)
        chosen = choose_broker(lambda _: None)
        SAID[f"local broker of the tests: {chosen.name}"] = None
        chosen.start(directory, port, controller_port, lambda process: stack.callback(process.stop))
        yield f"127.0.0.1:{port}"


@contextmanager
def _local_mongod(directory: Path) -> Iterator[str]:
    with ExitStack() as stack:
        (port,) = free_ports(1)
        mongod.start(directory, port, lambda process: stack.callback(process.stop))
        yield mongod.url(port)


@contextmanager
def _kafka_container(service: dict[str, Any]) -> Iterator[str]:
    """As in compose, but for one address that is the same inside and outside: a broker sends clients to it."""
    (port,) = free_ports(1)
    with _container(service, port, None) as host:
        _wait(lambda: why_not_ready(port))
        yield f"{host}:{port}"


@contextmanager
def _mongo_container(service: dict[str, Any]) -> Iterator[str]:
    """A replica set of one, founded by its address for us; inside, the same port leads to it too."""
    (port,) = free_ports(1)
    with _container(service, port, [*service["command"], "--port", str(port)]) as host:
        url = f"mongodb://{host}:{port}/?replicaSet=rs0"
        _wait(lambda: _why_no_replica_set(url))
        yield url


@contextmanager
def _container(service: dict[str, Any], port: int, command: list[str] | None) -> Iterator[str]:
    """A container that serves `port` here; yields the engine's host."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # one image less to fetch; we stop what we start
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(service["image"]).with_bind_ports(port, port)
    host = container.get_docker_client().host()
    own = {
        "KAFKA_LISTENERS": f"CLIENT://:{port},INTERNAL://:9094,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"CLIENT://{host}:{port},INTERNAL://localhost:9094",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    }
    for name, value in {**service["environment"], **own}.items() if "environment" in service else ():
        container = container.with_env(name, str(value))
    with container.with_command(command) if command else container:
        yield host


def _why_no_replica_set(url: str) -> str | None:
    try:
        found_replica_set(url)
    except (PyMongoError, NotYetPrimary) as error:
        return str(error)
    return None


def _wait(why_not: Callable[[], str | None]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while (problem := why_not()) is not None:
        assert time.monotonic() < deadline, f"the container is not ready: {problem}; name a server by {KAFKA}, {MONGO}"
        time.sleep(0.2)


def _composed(name: str) -> dict[str, Any]:
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"][name]
    assert isinstance(service, dict)
    return service


@functools.cache
def _can_run(image: str) -> bool:
    """Whether an engine answers and has the image, or could fetch it. Each question is bounded."""
    return _docker("info") and (_docker("image", "inspect", image) or _docker("manifest", "inspect", image))


def _docker(*arguments: str) -> bool:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, timeout=ENGINE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
