"""Which broker the local stack runs on."""

import functools
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from desk.stack import kafka, kafka_jars, tansu
from desk.stack.errors import StackError
from desk.stack.kafka_jars import Say
from desk.stack.process import Process, Register

CHOICE = "DESK_STACK_BROKER"
LONGEST_REASON = 300


class StartBroker(Protocol):
    """Start on 127.0.0.1:`port` and return when ready. Raises StackError if it cannot."""

    def __call__(self, data_dir: Path, port: int, controller_port: int, register: Register) -> Process: ...


@dataclass(frozen=True)
class Broker:
    """A broker that can be started here. `keeps_data`: acknowledged records survive its death."""

    name: str
    keeps_data: bool
    start: StartBroker


def choose_broker(say: Say, environ: Mapping[str, str] = os.environ) -> Broker:
    """Apache Kafka where Java and Maven allow it, else Tansu; DESK_STACK_BROKER=kafka|tansu forces one.

    May fetch Apache Kafka's jars, which takes a while the first time and is reported through `say`. Raises
    StackError with all reasons if there is none, or if the forced one cannot be had.
    """
    choice = environ.get(CHOICE, "")
    if choice not in ("", "kafka", "tansu"):
        raise StackError(f"{CHOICE} is kafka or tansu, not {choice!r}")
    if choice == "tansu":
        return _tansu(say, f"as {CHOICE} says")
    try:
        return _apache_kafka(say)
    except StackError as reason:
        if choice == "kafka":
            raise
        return _tansu(say, _in_one_line(reason))


def _apache_kafka(say: Say) -> Broker:
    reason = kafka_jars.available()
    if reason is not None:
        raise StackError(f"Apache Kafka cannot run here: {reason}")
    jars = kafka_jars.fetch_jars(say)
    return Broker(f"Apache Kafka {kafka_jars.kafka_version()}", True, functools.partial(kafka.start, jars))


def _tansu(say: Say, why: str) -> Broker:
    reason = tansu.available()
    if reason is not None:
        raise StackError(f"no broker can run here: {why}; Tansu: {reason}")
    say(
        f"Using Tansu, a development broker that keeps nothing; the promises about broker crashes and "
        f"verdicts are proven on Apache Kafka only ({why})."
    )
    return Broker(f"Tansu {tansu.VERSION} (development broker)", False, tansu.start)


def _in_one_line(error: StackError) -> str:
    """The error and the first thing the failed program said about it, shortened."""
    return textwrap.shorten(" ".join(str(error).splitlines()[:2]), LONGEST_REASON)
