"""What `desk up` keeps in its data directory besides its servers' data: a lock, its keys, what it was made for."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from desk.stack.brokers import Broker
from desk.stack.errors import StackError
from shared.access.keys import new_key
from shared.clock import ANCHOR_FILE

AGENCY = "desk"
OPERATOR = "operator"
KAFKA, TANSU, MONGOD, LOGS = "kafka", "tansu", "mongod", "logs"
KEPT_FILE = "up.json"
LOCK_FILE = "lock"


@dataclass(frozen=True)
class Kept:
    """The keys, and what the directory was made for: its scenario clock and the first judged date (ISO)."""

    agency_key: str
    operator_key: str
    clock: str | None
    obligations_from: str


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """One `desk up` per directory. Raises StackError, naming the other's process."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / LOCK_FILE).open("a+", encoding="utf-8")
    except OSError as error:
        raise StackError(f"the data directory {data_dir} cannot be used: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise StackError(
                f"{data_dir} is in use by another stack (process {owner}): stop that one, or give another --data-dir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def fit_for(broker: Broker, data_dir: Path, say: Callable[[str], None]) -> None:
    """Leave no state behind that `broker` cannot go on from.

    What was read from a broker that kept nothing is emptied, in one line. What belongs to Apache Kafka's records
    is never emptied: raises StackError if this broker cannot read them.
    """
    if (data_dir / KAFKA).exists():
        if not broker.keeps_data:
            raise StackError(
                f"{data_dir} holds Apache Kafka's records, which {broker.name} cannot read: "
                "make Java 17+ and Maven available, or give another --data-dir"
            )
        return
    if (data_dir / MONGOD).exists():
        say(f"Emptying {data_dir}: the broker it was filled from kept nothing, so there is nothing to go on from.")
        shutil.rmtree(data_dir / MONGOD)
        (data_dir / ANCHOR_FILE).unlink(missing_ok=True)
        kept = recall(data_dir)
        if kept is not None:  # the keys stay: clients are configured with them
            _write(data_dir, Kept(kept.agency_key, kept.operator_key, None, ""))


def recall(data_dir: Path) -> Kept | None:
    """What an earlier start kept. Raises StackError if the file is damaged."""
    path = data_dir / KEPT_FILE
    try:
        return Kept(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{path} is damaged ({error}): delete it, or give another --data-dir") from None


def recall_or_keep(data_dir: Path, clock: str | None, obligations_from: str) -> Kept:
    """The same keys and first date as at the first start. Raises StackError if the clock is another one now."""
    kept = recall(data_dir)
    if kept is None or not kept.obligations_from:
        agency, operator = (kept.agency_key, kept.operator_key) if kept else (new_key(AGENCY), new_key(OPERATOR))
        kept = Kept(agency, operator, clock, obligations_from)
        _write(data_dir, kept)
    elif kept.clock != clock:
        made_for = f"the scenario clock {kept.clock}" if kept.clock else "the real clock"
        then = f"give --clock {kept.clock}" if kept.clock else "leave --clock out"
        raise StackError(f"{data_dir} was made for {made_for}: {then}, or give another --data-dir")
    return kept


def _write(data_dir: Path, kept: Kept) -> None:
    """Readable by its owner alone, and whole or not at all."""
    part = data_dir / (KEPT_FILE + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(kept), file, indent=2)
    part.replace(data_dir / KEPT_FILE)
