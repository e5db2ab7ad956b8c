"""The compose files say what docs/set-up.md promises; the gateway's files are read by Caddy itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk.rights import USERS
from desk.stack.kafka_jars import kafka_version
from services.aggregator.app import CONSUMER_STOP_S
from services.intake.certificates import addresses_of
from services.notifier import turning
from services.notifier.delivery import delivering, sending
from shared.exactly_once.consumer import BROKER_STOP_S
from shared.http.serve import SHUTDOWN_S
from shared.kafka import producer
from shared.kafka.limits import CALL_TIMEOUT_S

ROOT = Path(__file__).resolve().parents[2]
BASE, SECURE, CLUSTER, SECURE_CLUSTER = (
    "docker-compose.yml",
    "deploy/compose.secure.yml",
    "deploy/compose.cluster.yml",
    "deploy/compose.secure-cluster.yml",
)
OURS = ("intake", "aggregator", "notifier")
# How long each of them may take to leave, whatever hangs: answers under way, then a batch in hand and what is being
# sent, then connections, all at once. (MongoDB's come after that, and nothing is lost with them.)
LEAVING_S = {
    "intake": SHUTDOWN_S + producer.STOP_S,
    "aggregator": SHUTDOWN_S + CONSUMER_STOP_S + max(producer.STOP_S, CALL_TIMEOUT_S),
    "notifier": SHUTDOWN_S + turning.STOP_S + max(sending.CLOSE_S, producer.STOP_S, CALL_TIMEOUT_S),
}
MONITORING = {"prometheus", "alertmanager", "disk", "grafana"}


class _Loader(yaml.SafeLoader):
    """Compose's own tags (`!override`) say how files are merged; here each file is looked at alone."""


def _plain(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _plain)


def composed(name: str) -> dict[str, Any]:
    found = yaml.load((ROOT / name).read_text(encoding="utf-8"), _Loader)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", [BASE, SECURE, CLUSTER, SECURE_CLUSTER])
def test_the_gateway_alone_has_ports(name: str) -> None:
    """Whatever else had some would clash with its own replicas, or be open to all. Grafana has one on this machine."""
    ports = {service: made["ports"] for service, made in composed(name)["services"].items() if "ports" in made}
    assert [port.partition(":")[0] for port in ports.pop("grafana", [])] in ([], ["127.0.0.1"])
    assert list(ports) in ([], ["gateway"])


def test_every_container_is_locked() -> None:
    """Read-only, without capabilities, bounded; nobody is root."""
    for name, made in composed(BASE)["services"].items():
        assert made["read_only"] is True, name
        assert made["cap_drop"] == ["ALL"], name
        assert made["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= made["deploy"]["resources"]["limits"].keys(), name
        assert made["stop_grace_period"], name
        is_ours = "build" in made
        assert is_ours or int(made["user"].partition(":")[0]) > 0, name
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE) == ["10001:10001"]


@pytest.mark.parametrize("name", OURS)
def test_nobody_is_killed_who_is_leaving(name: str) -> None:
    """Docker gives each of them the time that it may take, and some seconds more for MongoDB's connections."""
    given = composed(BASE)["services"][name]["stop_grace_period"]
    assert LEAVING_S[name] + 5 <= int(given.removesuffix("s"))


def test_a_phase_of_leaving_is_as_long_as_what_ends_in_it() -> None:
    """An attempt that ends by itself, and a batch, are not cut off by whoever waits for them."""
    assert min(turning.STOP_S, sending.CLOSE_S) > delivering.LEAVING_S
    assert min(turning.STOP_S, CONSUMER_STOP_S) > BROKER_STOP_S


def test_who_may_go_out() -> None:
    """The notifier and Alertmanager, whose receivers are out there, and the operator's command. `edge` leads in."""
    found = composed(BASE)
    networks, services = found["networks"], found["services"]
    assert networks["backend"]["internal"]
    assert networks["web"]["internal"]
    assert networks["watch"]["internal"]
    assert networks["edge"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert {name for name, made in services.items() if "out" in made["networks"]} == {
        "notifier",
        "desk",
        "alertmanager",
    }
    assert {name for name, made in services.items() if "edge" in made["networks"]} == {"gateway", "grafana"}
    assert services["gateway"]["networks"] == ["web", "edge"]
    assert services["kafka"]["networks"] == services["mongo"]["networks"] == ["backend"]
    # What watches reaches the services' figures, neither the log nor the database; what goes out reaches no service.
    seen = {name: services[name]["networks"] for name in MONITORING}
    expected = {"prometheus": ["web", "watch"], "alertmanager": ["watch", "out"], "disk": ["watch"]}
    assert seen == {**expected, "grafana": ["watch", "edge"]}


def test_what_watches_is_a_profile() -> None:
    """It is there where somebody asks for it, holds no secret of the services, and changes no file of ours."""
    services = composed(BASE)["services"]
    assert {name for name, made in services.items() if made.get("profiles") == ["monitoring"]} == MONITORING
    assert services["grafana"]["secrets"] == ["grafana-admin"]
    for name in MONITORING:
        assert "secrets" not in services[name] or name == "grafana"
        for volume in services[name]["volumes"]:
            is_ours = isinstance(volume, dict) or volume.startswith("./")
            assert not is_ours or (volume["read_only"] if isinstance(volume, dict) else volume.endswith(":ro"))


def test_each_service_gets_its_own_secrets_alone() -> None:
    """And every secret is one that deploy/make-secrets.sh makes."""
    found = composed(SECURE)
    for user in USERS:
        name = "desk" if user == "operator" else user
        made = found["services"][name]
        assert made["secrets"] == ["ca", f"kafka-{user}", f"mongo-{user}"]
        assert made["environment"]["DESK_PRODUCTION"] == "1"
        assert (made["environment"]["DESK_KAFKA_USER"], made["environment"]["DESK_MONGO"]) == (user, "")
    used = {secret for made in found["services"].values() for secret in made.get("secrets", [])}
    assert used == found["secrets"].keys()
    assert "ca.key" not in str(found)


def test_receivers_secrets_reach_whoever_tells_them() -> None:
    """The notifier, and `desk receivers test`; nobody else sees them."""
    for name, made in composed(SECURE)["services"].items():
        mounted = any("/run/secrets/receivers" in volume for volume in made.get("volumes", []))
        assert mounted is (name in ("notifier", "desk")), name


def test_nobody_asks_for_what_the_image_does_not_hold() -> None:
    """It has our sources and no installed package of ours: `desk backup` asked for its version, in vain."""
    sources = [path for name in ("shared", "services", "desk") for path in (ROOT / name).rglob("*.py")]
    asking = re.compile(r'(version|files|metadata|distribution)\("desk-pilkada"\)')
    assert [str(path) for path in sources if asking.search(path.read_text(encoding="utf-8"))] == []


def test_every_setting_can_be_set() -> None:
    """The runbooks name settings that the compose file does not: whoever has no Python writes them into one file."""
    services = composed(BASE)["services"]
    for name in (*OURS, "init", "desk"):
        assert services[name]["env_file"] == [{"path": "./services.env", "required": False}], name


def test_kafka_is_the_one_that_the_tests_prove() -> None:
    """The jars of `desk up` and of the tests."""
    assert composed(BASE)["services"]["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_the_doctor_starts_nothing() -> None:
    """`docker compose run desk doctor` would start what it is to look at, and run `desk init` each time."""
    assert composed(BASE)["services"]["desk"]["depends_on"] == {}


def test_every_certificate_is_watched() -> None:
    """Where clients and services are shown one: the gateway, each broker, each database."""
    for name in (SECURE, SECURE_CLUSTER):
        watched = composed(name)["services"]["intake"]["environment"]["DESK_CERTIFICATES"]
        shown = {n for n, made in composed(SECURE)["services"].items() if n in ("kafka", "mongo", "gateway")}
        shown |= composed(name)["services"].keys() & {"kafka2", "kafka3", "mongo2", "mongo3"}
        assert {host for host, _ in addresses_of(watched)} == shown


def test_the_secrets_are_made(tmp_path: Path) -> None:
    """All that the compose file names, once: a second run changes nothing. No two are the same."""
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "make-secrets.sh"
    script.write_bytes((ROOT / "deploy" / "make-secrets.sh").read_bytes())
    folder = tmp_path / "deploy" / "secrets"
    seen = []
    for _ in range(2):
        subprocess.run(["sh", str(script), "desk.example.go.id"], check=True, capture_output=True, timeout=60)
        seen.append({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    assert seen[0] == seen[1]
    assert seen[0].keys() == {*composed(SECURE)["secrets"], *composed(BASE)["secrets"], "ca.key"}
    assert len(set(seen[0].values())) == len(seen[0])
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "receivers").is_dir()  # else Docker makes it, and its owner is root


def test_the_clusters_brokers_are_as_secure_as_the_first() -> None:
    """The same settings stand in two files, since compose's anchors end with a file."""
    one, others = composed(SECURE)["services"], composed(SECURE_CLUSTER)["services"]
    for name in ("kafka2", "kafka3"):
        assert others[name]["environment"] == one["kafka"]["environment"]
        assert others[name]["secrets"] == one["kafka"]["secrets"]
    for name in ("mongo2", "mongo3"):
        assert (others[name]["command"], others[name]["secrets"]) == (one["mongo"]["command"], one["mongo"]["secrets"])


def test_each_event_of_the_cluster_is_on_three_disks() -> None:
    """Two must have it; the services know all addresses."""
    found = composed(CLUSTER)["services"]
    for name in ("init", *OURS):
        environment = found[name]["environment"]
        assert (environment["DESK_TOPIC_REPLICATION"], environment["DESK_TOPIC_MIN_INSYNC"]) == ("3", "2")
        assert environment["DESK_KAFKA"].count(",") == 2
    assert {found[name]["environment"]["KAFKA_NODE_ID"] for name in ("kafka2", "kafka3")} == {2, 3}


def test_sizes_are_set_in_one_place() -> None:
    """Each variable of .env.example is one of compose's files, with the same default, and the other way round."""
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in (BASE, SECURE, CLUSTER, SECURE_CLUSTER))
    example = dict(
        re.findall(r"^# (DESK_\w+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    )
    sized = {name for name in example if re.search(r"_(REPLICAS|MEMORY|CPUS|GB)$", name)}
    found = set(re.findall(r"\$\{(DESK_\w+_(?:REPLICAS|MEMORY|CPUS|GB)):-([^}]*)\}", text))
    assert found == {(name, example[name]) for name in sized}


@pytest.mark.skipif(sys.platform != "linux", reason="Caddy comes as a program for Linux")
@pytest.mark.parametrize("name", ["Caddyfile", "Caddyfile.tls"])
def test_caddy_takes_the_gateways_files(name: str, tmp_path: Path) -> None:
    """The version that docker-compose.yml names, on the files as the container has them."""
    caddy = Path(sys.executable).parent / "caddy"
    version = subprocess.run([caddy, "version"], capture_output=True, text=True, timeout=20, check=True).stdout
    assert composed(BASE)["services"]["gateway"]["image"].startswith(f"caddy:{version.split()[0].lstrip('v')}-")
    for path in (ROOT / "deploy" / "gateway").iterdir():
        text = path.read_text(encoding="utf-8").replace("/etc/caddy/", f"{tmp_path}/")
        (tmp_path / path.name).write_text(text)
    argv = [str(caddy), "adapt", "--config", str(tmp_path / name), "--adapter", "caddyfile"]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=20, check=False, env={**os.environ, "DESK_HOST": "desk.example"}
    )
    assert done.returncode == 0, done.stderr
    for part in ('"X-Forwarded-Prefix":["/pantau"]', '"max_size":17000000', '"max_header_bytes":32000', '"/metrics"'):
        assert part in done.stdout
    for retries in ("try_duration", "request_buffers"):
        assert retries not in done.stdout
