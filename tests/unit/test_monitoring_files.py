"""Rules, dashboards and runbooks speak of what is there; every alert is tried, and says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.metrics import PARTS, Metrics

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
# What is not ours: Prometheus's own, the disk exporter's.
OTHERS = {"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling"}
OTHERS |= {"node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
PARTS_OF_A_PAGE = ("What it means", "Whom it hurts", "What to look at", "What to do")


def groups(name: str) -> list[dict[str, Any]]:
    found = yaml.safe_load((PROMETHEUS / "rules" / name).read_text(encoding="utf-8"))["groups"]
    assert isinstance(found, list)
    return found


ALERTS = {rule["alert"]: rule for group in groups("alerting.yml") for rule in group["rules"]}
RECORDS = {rule["record"]: rule for group in groups("recording.yml") for rule in group["rules"]}


def panels(dashboard: Path) -> list[dict[str, Any]]:
    """Those that show something."""
    found = json.loads(dashboard.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Everything that is asked of Prometheus, by where it stands."""
    asked = {f"alert {name}": rule["expr"] for name, rule in ALERTS.items()}
    asked |= {f"record {name}": rule["expr"] for name, rule in RECORDS.items()}
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            for target in panel["targets"]:
                asked[f"{dashboard.stem}: {panel['title']} {target['refId']}"] = target["expr"]
    return asked


def series_shown() -> set[str]:
    """The names of all series that the services can show."""
    shown = set(OTHERS) | RECORDS.keys()
    for service in PARTS:
        for family in Metrics(service).registry.collect():
            ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            shown |= {family.name + end for end in ends}
    return shown


def names_in(query: str) -> set[str]:
    """The metrics that a query asks for: what stands there without its texts, its labels and its functions."""
    query = re.sub(r'"(?:\\.|[^"\\])*"', "", query)
    query = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", query)
    query = re.sub(r"\boffset \w+", " ", query)
    query = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", query)
    words = re.findall(r"[a-zA-Z_][\w:]*(?!\s*\()\b(?!\s*\()", query)
    return {word for word in words if word not in ("and", "or", "unless", "by", "on", "NaN")}


@pytest.mark.parametrize(("where", "query"), queries().items(), ids=lambda text: text[:60])
def test_every_metric_asked_for_is_shown(where: str, query: str) -> None:
    """A misspelled name is no error to Prometheus: an alert on it never fires, a panel stays empty."""
    assert names_in(query) <= series_shown(), where
    assert names_in(query), where


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_to_do(name: str) -> None:
    """In Indonesian first, then in English, how urgent it is, and on which page the rest stands."""
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    indonesian, _, english = rule["annotations"]["summary"].partition(" / ")
    assert min(len(indonesian), len(english)) > 20
    page = (ROOT / rule["annotations"]["runbook"]).read_text(encoding="utf-8")
    assert [part for part in PARTS_OF_A_PAGE if f"**{part}.**" not in page] == []
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"`{name}`.*\({Path(rule['annotations']['runbook']).name}\)", index)


def test_every_alert_is_tried() -> None:
    """Each has a test in which it fires and one in which it does not."""
    tried: dict[str, set[bool]] = defaultdict(set)
    for path in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for one in test["alert_rule_test"]:
                tried[one["alertname"]].add(bool(one["exp_alerts"]))
    assert tried == {name: {True, False} for name in ALERTS}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_can_be_provisioned(dashboard: Path) -> None:
    """They have a fixed address, ask the data source that is provisioned, and are titled in both languages."""
    made = json.loads(dashboard.read_text(encoding="utf-8"))
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "desk.yml").read_text(encoding="utf-8"))
    assert made["uid"] == f"desk-{dashboard.stem}"
    assert {panel["datasource"]["uid"] for panel in panels(dashboard)} == {sources["datasources"][0]["uid"]}
    assert [p["title"] for p in made["panels"] if " / " not in p["title"] and p["title"] != "CPU"] == []
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])


def test_every_service_is_asked_by_its_own_name() -> None:
    """Each replica of each of them, as Docker's DNS knows them."""
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    asked = {job["job_name"]: job["dns_sd_configs"] for job in jobs if "dns_sd_configs" in job}
    assert asked.keys() == PARTS.keys()
    for service, (dns,) in asked.items():
        assert (dns["names"], dns["type"], dns["port"]) == ([service], "A", 8080)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; on Debian: apt-get install prometheus prometheus-alertmanager")
    return found


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", "deploy/prometheus/prometheus.yml"],
        ["promtool", "check", "rules", "--lint-fatal", "deploy/prometheus/rules/alerting.yml"],
        ["promtool", "check", "rules", "--lint-fatal", "deploy/prometheus/rules/recording.yml"],
        ["amtool", "check-config", "deploy/alertmanager/alertmanager.yml"],
        *(
            ["promtool", "test", "rules", f"deploy/prometheus/tests/{p.name}"]
            for p in (PROMETHEUS / "tests").iterdir()
        ),
    ],
    ids=lambda command: " ".join(command[-2:]).replace("/", "."),
)
def test_their_own_tools_take_the_files(command: list[str]) -> None:
    """Configurations are valid, rules are well-formed and do what the files in deploy/prometheus/tests/ expect."""
    argv = [tool(command[0]), *command[1:]]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
