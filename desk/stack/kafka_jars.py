"""Apache Kafka's jars: fetched once per user by Maven, kept in the user's cache."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from desk.stack.errors import StackError
from desk.stack.process import Command, Process, start_process

POM = Path(__file__).with_name("kafka-pom.xml")
OLDEST_JAVA = 17
FETCH_TIMEOUT_S = 900.0
STILL_FETCHING_S = 15.0
LOCK_POLL_S = 0.5
COMPLETE = "complete"

Say = Callable[[str], None]


def available() -> str | None:
    """None if Apache Kafka can run here (its jars may still have to be fetched), else the reason why not."""
    version = _java_version()
    if version is None:
        return "no Java was found"
    if version < OLDEST_JAVA:
        return f"Java {version} is too old, Apache Kafka needs {OLDEST_JAVA} or newer"
    if shutil.which("mvn") is None and not _is_complete(cache_dir()):
        return "no Maven (mvn) was found to fetch it with"
    return None


def java() -> str:
    """The `java` program: JAVA_HOME's if set, as Maven does, else the one on the PATH."""
    home = os.environ.get("JAVA_HOME")
    candidate = Path(home, "bin", "java") if home else None
    return str(candidate) if candidate and candidate.is_file() else "java"


def kafka_version() -> str:
    """As pinned in the pom."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text())
    assert found, "the pom names its Kafka version"
    return found[1]


def cache_dir() -> Path:
    """Where this pom's jars are, or will be: one directory per Kafka version and content of the pom."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pom_hash = hashlib.sha256(POM.read_bytes()).hexdigest()[:8]
    return root / "desk-pilkada" / f"kafka-{kafka_version()}-{pom_hash}"


def fetch_jars(say: Say) -> Path:
    """The directory that holds all jars; fetched now if it is not there yet.

    Runs may do this at the same time (one fetches, the others wait) and may be killed at any moment (a
    half-fetched directory is never taken for a whole one). Raises StackError with the reason if it fails.
    """
    target = cache_dir()
    if not _is_complete(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with _lock(target.with_name(target.name + ".lock"), say):
                if not _is_complete(target):
                    _fetch(target, say)
        except OSError as error:
            raise StackError(f"Apache Kafka's jars cannot be kept in {target.parent}: {error}") from error
    return target / "libs"


def parse_java_version(output: str) -> int | None:
    """The major version in what `java -version` prints; None if it is not to be found."""
    found = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(found[1]) if found else None


def _java_version() -> int | None:
    try:
        done = subprocess.run([java(), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_java_version(done.stderr + done.stdout)


def _is_complete(target: Path) -> bool:
    return (target / COMPLETE).is_file()


def _fetch(target: Path, say: Say) -> None:
    """Into a directory beside `target`, which takes its name when whole. Only under the lock."""
    for leftover in [target, *target.parent.glob(f"{target.name}.part-*")]:
        shutil.rmtree(leftover, ignore_errors=True)
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    part.mkdir()
    try:
        shutil.copy(POM, part / "pom.xml")
        say(f"Fetching Apache Kafka {kafka_version()} with Maven (about 45 MB, only once) ...")
        _run_maven(part, say)
        if not (part / "libs" / f"kafka_2.13-{kafka_version()}.jar").is_file():
            raise StackError("Maven reported success but did not deliver Apache Kafka's jar")
        (part / COMPLETE).touch()
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run_maven(directory: Path, say: Say) -> None:
    log_path = directory / "mvn.log"
    with ExitStack() as stack:
        maven = start_process(
            Command("Maven", _maven_argv(), log_path, cwd=directory),
            lambda process: stack.callback(process.stop, grace_s=2.0),
        )
        code = _wait_aloud(maven, say)
        if code != 0:
            reason = "took too long" if code is None else "failed"
            raise StackError(f"Maven {reason} while fetching Apache Kafka:\n{maven.tail()}")


def _maven_argv() -> list[str]:
    return [
        "mvn",
        "--batch-mode",
        "--quiet",
        "--strict-checksums",
        # Offline machines must fall back soon; Maven's own limits are minutes.
        "-Daether.connector.connectTimeout=10000",
        "-Daether.connector.requestTimeout=60000",
        "-Dstyle.color=never",
        "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=libs",
    ]


def _wait_aloud(maven: Process, say: Say) -> int | None:
    """Its exit code; None if it did not end in time. Speaks up now and then."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < FETCH_TIMEOUT_S:
        code = maven.wait(STILL_FETCHING_S)
        if code is not None:
            return code
        say(f"... still fetching Apache Kafka ({waited + STILL_FETCHING_S:.0f} s)")
    return None


@contextmanager
def _lock(path: Path, say: Say) -> Iterator[None]:
    """Exclusive between processes; the kernel releases it if we die. Raises StackError if it stays taken."""
    deadline = time.monotonic() + FETCH_TIMEOUT_S
    with path.open("w") as file:
        told = False
        while not _try_lock(file.fileno()):
            if not told:
                say("Another run is fetching Apache Kafka; waiting for it ...")
                told = True
            if time.monotonic() > deadline:
                raise StackError(f"another run has been fetching Apache Kafka for too long ({path})")
            time.sleep(LOCK_POLL_S)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
