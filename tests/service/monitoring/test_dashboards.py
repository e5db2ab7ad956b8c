"""Every panel's query, asked of a real Prometheus that scrapes what the three services would show."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from desk.stack.ports import free_ports
from shared.metrics import PARTS, Metrics
from shared.metrics.many_at_once import BatchHistogram

ROOT = Path(__file__).resolve().parents[3]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PROMETHEUS = shutil.which("prometheus")
VARIABLES = {"$__rate_interval": "30s", "$__range": "1h"}
DISK = """node_filesystem_avail_bytes{mountpoint="/data/kafka"} 1e9
node_filesystem_size_bytes{mountpoint="/data/kafka"} 1e11
"""
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules" / "recording.yml").read_text(encoding="utf-8"))
RECORDS = [rule["record"] for group in RULES["groups"] for rule in group["rules"]]
_START_S = 60.0

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None, reason="prometheus is not installed; on Debian: apt-get install prometheus"
)


def counted(metrics: Metrics) -> None:
    """As if everything had happened once more."""
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            one = metric.labels(*(f"a-{name}" for name in metric._labelnames)) if metric._labelnames else metric
            _count(one)
    metrics.alerts_in_force.labels("cannot-evaluate", "firing").set(1)
    metrics.accepted.labels("kpu", "report", "false").inc()
    metrics.deliveries.labels("webhook", "dead").inc()
    for state in ("pending", "held", "dead"):
        metrics.deliveries_waiting.labels(state).set(2)


def _count(metric: MetricWrapperBase) -> None:
    if isinstance(metric, BatchHistogram):
        metric.observe_many({0.02: 3, 2.0: 1})
    elif isinstance(metric, Histogram):
        metric.observe(0.2)
    elif isinstance(metric, Counter):
        metric.inc()
    elif isinstance(metric, Gauge):
        metric.set(1)


class Pages(BaseHTTPRequestHandler):
    """`/<service>`: its exposition, with more each time; `/disk`: the exporter's."""

    services: dict[str, Metrics]

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name in self.services:
            counted(self.services[name])
        body = self.services[name].render()[0] if name in self.services else DISK.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@contextmanager
def shown() -> Iterator[int]:
    """The port at which all of it can be scraped."""
    pages = type("_Pages", (Pages,), {"services": {name: Metrics(name) for name in PARTS}})
    with ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def config(port: int) -> dict[str, Any]:
    """Ours, but quicker, with our pages in place of the containers."""
    made = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    target = [{"targets": [f"127.0.0.1:{port}"]}]
    jobs = [
        {"job_name": name, "metrics_path": f"/{name}", "static_configs": target}
        for name in (job["job_name"] for job in made["scrape_configs"])
        if name in PARTS or name == "disk"
    ]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ROOT / "deploy" / "prometheus" / rule) for rule in made["rule_files"]],
        "scrape_configs": jobs,
    }


class Prometheus:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def ask(self, query: str, service: str = "notifier") -> list[Any]:
        """The series that a panel would show. A query that is none fails the test."""
        for name, value in {**VARIABLES, "$service": service}.items():
            query = query.replace(name, value)
        async with self._session.get(f"{self._url}/api/v1/query", params={"query": query}) as answer:
            told = await answer.json()
        assert told["status"] == "success", (query, told)
        found = told["data"]["result"]
        assert isinstance(found, list)
        return found

    async def has_seen_enough(self) -> bool:
        """Two scrapes of each service, all that the recording rules make of them, and an alert."""
        try:
            rates = await self.ask("count(rate(desk_loop_failures_total[30s]))")
            ruled = [await self.ask(record) for record in RECORDS]
            fires = await self.ask('ALERTS{alertname="DeskReceiverDisabled", alertstate="firing"}')
        except aiohttp.ClientError:
            return False
        return bool(rates and float(rates[0]["value"][1]) >= len(PARTS) and all(ruled) and fires)


@pytest.fixture(scope="module")
async def prometheus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    assert PROMETHEUS is not None
    (own,) = free_ports(1)
    with shown() as port:
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config(port)), encoding="utf-8")
        argv = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        argv += [f"--web.listen-address=127.0.0.1:{own}", "--log.level=warn"]
        process = await asyncio.create_subprocess_exec(PROMETHEUS, *argv)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
                made = Prometheus(session, f"http://127.0.0.1:{own}")
                give_up_at = time.monotonic() + _START_S
                while not await made.has_seen_enough():
                    assert process.returncode is None, "Prometheus has ended"
                    assert time.monotonic() < give_up_at, "some rule finds nothing"
                    await asyncio.sleep(0.2)
                yield made
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 20)


def queries(dashboard: Path) -> list[tuple[str, str]]:
    """Each with its panel's title."""
    panels = json.loads(dashboard.read_text(encoding="utf-8"))["panels"]
    return [(p["title"], target["expr"]) for p in panels for target in p.get("targets", ())]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
async def test_every_panel_shows_something(prometheus: Prometheus, dashboard: Path) -> None:
    """No query is in error, and each finds at least one series; of one service where the panel is about it."""
    empty = [title for title, query in queries(dashboard) if not await prometheus.ask(query)]
    assert empty == []
    if dashboard.stem == "service":
        for service in PARTS:
            for _, query in queries(dashboard):
                await prometheus.ask(query, service)
