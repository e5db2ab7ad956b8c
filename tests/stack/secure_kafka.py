"""A local Apache Kafka with the settings of deploy/compose.secure.yml: certificates, users, access lists."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from desk.rights import USERS, secret_of
from desk.stack.kafka import LOG4J, cluster_id
from desk.stack.kafka_jars import java
from desk.stack.ports import free_ports
from desk.stack.process import Command, run_to_end, start_process
from shared.kafka.security import Security

ROOT = Path(__file__).resolve().parents[2]
LISTENERS = ("CLIENT", "INTERNAL", "CONTROLLER")
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class SecureKafka:
    """`client` is where services sign in by password, `internal` where brokers and `desk init` show a certificate."""

    client: str
    internal: str
    secrets: Path

    @property
    def init(self) -> Security:
        return Security(self.secrets / "ca", certificate=self.secrets / "init")

    def user(self, name: str) -> Security:
        return Security(self.secrets / "ca", name, secret_of(self.secrets, "kafka", name))

    def passwords(self) -> dict[str, str]:
        return {user: secret_of(self.secrets, "kafka", user) for user in USERS}


@contextmanager
def secure_kafka(jars: Path, directory: Path) -> Iterator[SecureKafka]:
    """Started; who speaks to it first waits until it answers."""
    secrets = make_secrets(directory)
    ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
    (directory / "log4j2.properties").write_text(LOG4J)
    lines = [f"{name}={value}\n" for name, value in properties(composed(), ports, secrets).items()]
    (directory / "kraft.properties").write_text("".join(lines))
    run = [java(), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars.absolute()}/*"]
    run.append("-Dlog4j2.configurationFile=log4j2.properties")
    storage = [*run, "kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", "kraft.properties"]
    run_to_end(Command("the storage tool", storage, directory / "format.log", cwd=directory), START_TIMEOUT_S)
    with ExitStack() as stack:
        broker = Command("Kafka", [*run, "kafka.Kafka", "kraft.properties"], directory / "kafka.log", cwd=directory)
        start_process(broker, lambda process: stack.callback(process.kill))
        yield SecureKafka(f"localhost:{ports['CLIENT']}", f"localhost:{ports['INTERNAL']}", secrets)


def make_secrets(directory: Path) -> Path:
    """By the script that operators run."""
    folder = directory / "deploy"
    folder.mkdir()
    script = folder / "make-secrets.sh"
    script.write_bytes((ROOT / "deploy" / "make-secrets.sh").read_bytes())
    subprocess.run(["sh", str(script), "localhost"], check=True, capture_output=True, timeout=60)
    return folder / "secrets"


def composed() -> dict[str, str]:
    """The environment of the container `kafka`, from both files. Their tags say how they are merged, no values."""
    found: dict[str, str] = {}
    for name in ("docker-compose.yml", "deploy/compose.secure.yml"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("!override", "").replace("!reset", "")
        found |= yaml.safe_load(text)["services"]["kafka"]["environment"]
    return found


def properties(environment: Mapping[str, str], ports: Mapping[str, int], secrets: Path) -> dict[str, str]:
    """As the image makes them of its environment; but addresses and files are of this machine, and it is small."""
    found = {
        name.removeprefix("KAFKA_")
        .lower()
        .replace("___", "-")
        .replace("__", "$")
        .replace("_", ".")
        .replace("$", "_"): (str(value))
        for name, value in environment.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    addresses = {name: f"{name}://localhost:{port}" for name, port in ports.items()}
    return found | {
        "listeners": ",".join(addresses.values()),
        "advertised.listeners": f"{addresses['CLIENT']},{addresses['INTERNAL']}",
        "controller.quorum.voters": f"1@localhost:{ports['CONTROLLER']}",
        "log.dirs": "records",
        "ssl.keystore.location": str(secrets / "kafka"),
        "ssl.truststore.location": str(secrets / "ca"),
        "offsets.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
