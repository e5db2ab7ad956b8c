"""Fetching Apache Kafka, with a stand-in for Maven: whole or not at all, once, and stoppable."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desk.stack import brokers, kafka_jars, tansu
from desk.stack.errors import StackError

ROOT = Path(__file__).parents[2]
FETCHER = "from desk.stack import kafka_jars; kafka_jars.fetch_jars(lambda line: print(line, flush=True))"
DELIVERS = f'echo run >> "$MVN_RUNS"; sleep 0.5; mkdir libs; touch libs/kafka_2.13-{kafka_jars.kafka_version()}.jar'
HANGS = 'echo run >> "$MVN_RUNS"; mkdir libs; exec sleep 600'  # mvn ends in exec, too
FAILS = "echo the network is unreachable; exit 1"

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory first on the PATH, an empty cache, a Java that is new enough."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MVN_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    program(directory, "java", """echo 'openjdk version "21.0.4"' >&2""")
    return directory


def program(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def runs(tmp_path: Path) -> int:
    path = tmp_path / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def fetcher() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", FETCHER], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_at_once_fetch_once(programs: Path, tmp_path: Path) -> None:
    """Of two runs at the same time one fetches and both end well; later runs fetch nothing."""
    program(programs, "mvn", DELIVERS)
    with fetcher() as one, fetcher() as other:
        assert [one.wait(), other.wait()] == [0, 0]
    assert list(kafka_jars.fetch_jars(lambda _: None).glob("kafka_2.13-*.jar"))
    assert runs(tmp_path) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_cut_off_fetch_is_never_taken_for_whole(programs: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C or kill -9 half way ends Maven, and the next run starts over."""
    program(programs, "mvn", HANGS)
    with subprocess.Popen(
        [sys.executable, "-c", FETCHER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    ) as cut_off:
        while not runs(tmp_path):
            time.sleep(0.02)
        cut_off.send_signal(number)
        assert cut_off.wait(10) != 0
    assert not kafka_jars.cache_dir().exists()
    program(programs, "mvn", DELIVERS)
    assert kafka_jars.fetch_jars(lambda _: None).is_dir()
    assert not list(kafka_jars.cache_dir().parent.glob("*.part-*"))


def test_offline_falls_back_to_tansu_in_one_line(programs: Path) -> None:
    """When Apache Kafka cannot be fetched, Tansu takes its place and one line says what that means."""
    program(programs, "mvn", FAILS)
    said: list[str] = []
    if tansu.available() is not None:
        pytest.skip("no Tansu to fall back to")
    broker = brokers.choose_broker(said.append, {})
    assert broker.name == "Tansu 0.6.0 (development broker)"
    assert not broker.keeps_data
    (line,) = [line for line in said if "Tansu" in line]
    assert "\n" not in line
    assert "keeps nothing" in line
    assert "Maven failed" in line
    assert "the network is unreachable" in line


def test_forced_kafka_does_not_fall_back(programs: Path) -> None:
    """Whoever insists on Apache Kafka gets an error with Maven's own words."""
    program(programs, "mvn", FAILS)
    with pytest.raises(StackError, match="the network is unreachable"):
        brokers.choose_broker(lambda _: None, {brokers.CHOICE: "kafka"})


def test_old_java_is_refused(programs: Path) -> None:
    """Java below 17 is a reason, with both numbers."""
    program(programs, "java", """echo 'openjdk version "11.0.2"' >&2""")
    assert kafka_jars.available() == "Java 11 is too old, Apache Kafka needs 17 or newer"
