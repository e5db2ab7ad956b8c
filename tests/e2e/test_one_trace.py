"""One call from the agency to the receiver: one trace, one id in the answer, in Kafka and in every log line about it;
and nothing in any log that is secret or of a person.

The real services on a real broker and database, with a real collector. Everything that may go wrong with a submission
or a delivery does, and each time with words that must not be told.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
import yaml
from aiokafka import AIOKafkaProducer

from desk.running import RunningStack, StackOptions, run_stack
from shared.events.codec import encode
from shared.events.envelope import SYSTEM
from shared.topics import INCIDENTS, REPORTS
from shared.tracing.places import Place, new_place
from tests.builders import a_report, utc
from tests.e2e.calling import Caller
from tests.e2e.receiver import SECRET, Receiver, listening
from tests.e2e.scenario_files import KALTIM
from tests.otlp_receiver import Collector, Received, collecting

pytestmark = pytest.mark.timeout(240)

SETTLE_S = 60.0
CLOSED = 9  # a port where nobody listens
# What agencies write, of people and about people, and what opens doors: each is told in this way nowhere else.
PERSON = "Ibu Kanari-Rahasia 0812-5550-1917"
TOKENS = {
    "hook": "kanari-hook-token-4711",
    "signing": "whsec_" + base64.b64encode(b"kanari signing secret 32 bytes..").decode(),
    "mail": "kanari-mail-password-4712",
    "telegram": "123456789:AAkanariTelegramToken4713abcdefghijk",
    "alertmanager": "kanari-alertmanager-token-4714",
}


@dataclass(frozen=True)
class Desk:
    running: RunningStack
    collector: Collector
    receiver: Receiver
    logs: Path

    def call(
        self, path: str, body: bytes, key: str, content_type: str = "application/json", **headers: str
    ) -> tuple[int, str, bytes]:
        """Status, `X-Request-Id` and body of a POST to intake."""
        connection = http.client.HTTPConnection(urlsplit(self.running.intake).netloc, timeout=15)
        connection.request(
            "POST", path, body, {"Authorization": f"Bearer {key}", "Content-Type": content_type, **headers}
        )
        answer = connection.getresponse()
        found = answer.status, answer.getheader("X-Request-Id") or "", answer.read()
        connection.close()
        return found

    def about(self, service: str, trace_id: str) -> list[dict[str, Any]]:
        """The lines of one trace."""
        return [line for line in self.lines(service) if line.get("trace_id") == trace_id]

    def lines(self, service: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.logs / f"{service}.log").read_text().splitlines()]


def until(found: Callable[[], Any]) -> Any:
    """What is found as soon as it is true."""
    deadline = time.monotonic() + SETTLE_S
    while not (shown := found()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
    return shown


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A stack in the quiet period, with receivers of each kind that are away beside one that is there."""
    home = tmp_path_factory.mktemp("tracing")
    with collecting() as collector, listening() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESK_OTLP_ENDPOINT", collector.url)
        options = StackOptions(
            home / "data",
            election=KALTIM,
            receivers=write_receivers(home, receiver),
            clock="2024-11-25T10:00:00+08:00@1",
        )
        with run_stack(options, lambda _line: None) as running:
            yield Desk(running, collector, receiver, home / "data" / "logs")


def write_receivers(home: Path, receiver: Receiver) -> Path:
    (home / "token").write_text(TOKENS["alertmanager"])
    away = f"http://127.0.0.1:{CLOSED}"
    entries = [
        {"name": "here", "channel": "webhook", "url": receiver.url, "secret": SECRET, "allow_private": True},
        {
            "name": "away",
            "channel": "webhook",
            "url": f"{away}/{TOKENS['hook']}?key={TOKENS['hook']}",
            "secret": TOKENS["signing"],
            "allow_private": True,
        },
        {
            "name": "mail",
            "channel": "email",
            "host": "127.0.0.1",
            "port": CLOSED,
            "from": "desk@example.go.id",
            "to": ["kanari-person@example.go.id"],
            "username": "desk",
            "password": TOKENS["mail"],
        },
        {"name": "chat", "channel": "apprise", "url": f"tgram://{TOKENS['telegram']}/12315544"},
        {"name": "alerts", "channel": "alertmanager", "url": away, "token_file": str(home / "token")},
    ]
    path = home / "receivers.yaml"
    path.write_text(yaml.safe_dump({"receivers": entries, "max_notice_age": "60d"}))
    return path


def violation(event_id: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "region": "64.72",
        "category": "money_politics",
        "occurred_at": "2024-11-25T09:00:00+08:00",
        "description": f"Dilaporkan oleh {PERSON}",
        "place": f"Rumah {PERSON}",
        "reported_party": PERSON,
    }


def test_one_call_is_one_trace(desk: Desk) -> None:
    """From the agency's own span to the delivery, each below what caused it, in three services; and the same id is in
    the answer, in what became of the event, in the alert, its delivery, and the lines of the log."""
    caller = Place(new_place().trace_id, new_place().span_id, is_sampled=True)
    body = json.dumps(violation("traced")).encode()
    status, request_id, _ = desk.call("/v1/incidents", body, desk.running.agency_key, traceparent=caller.traceparent)
    assert (status, request_id) == (202, caller.trace_id)
    found = until(lambda: spans_of(desk, caller))

    server, publish = found["intake", "POST /v1/incidents"], found["intake", "desk.incidents publish"]
    assert server.parent == caller.span_id
    assert publish.parent == server.span_id
    assert publish.values["desk.event"] == "desk/traced"
    for below in (("aggregator", "fold"), ("notifier", "fold"), ("notifier", "deliver")):
        assert found[below].parent == publish.span_id, below
    delivery = found["notifier", "deliver"].values["desk.delivery"]
    assert delivery == "quiet-period-violation:desk:traced#1|here"

    notifier = Caller(desk.running.notifier, desk.running.operator_key)
    alert = notifier.get("/v1/alerts/quiet-period-violation:desk:traced")
    assert {alert["trace"], *(one["trace"] for one in alert["deliveries"])} == {caller.trace_id}
    event = Caller(desk.running.aggregator, desk.running.operator_key).get("/v1/events/desk/traced")
    assert event["trace"] == caller.trace_id
    about = {line["event"] for line in desk.about("notifier", caller.trace_id)}
    assert {"alert", "delivered", "delivery_failed"} <= about
    assert PERSON.encode() not in b"".join(span.raw for span in desk.collector.spans())


def spans_of(desk: Desk, caller: Place) -> dict[tuple[str, str], Received] | None:
    """The trace's spans by service and name, once all are there; of the deliveries the one that arrived."""
    spans = desk.collector.spans(caller.trace_id)
    found = {(s.service, s.name): s for s in spans if s.name != "deliver" or not s.is_failed}
    wanted = {("intake", "POST /v1/incidents"), ("intake", "desk.incidents publish"), ("aggregator", "fold")}
    return found if {*wanted, ("notifier", "fold"), ("notifier", "deliver")} <= set(found) else None


def test_what_a_caller_makes_up_is_ignored(desk: Desk) -> None:
    """A `traceparent` that is none, or two, gives a new trace; a refusal is found by its id, and says why in keys."""
    for made_up in ("nonsense", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'A' * 32}-{'1' * 16}-01"):
        body = json.dumps({"region": "64.72", PERSON: PERSON}).encode()
        status, request_id, _ = desk.call("/v1/reports", body, desk.running.agency_key, traceparent=made_up)
        assert status == 422
        assert len(request_id) == 32
        assert request_id.strip("0") not in ("", "A" * 32)
        (line,) = until(partial(desk.about, "intake", request_id))
        assert (line["event"], line["holder"], line["status"], line["because"]) == (
            "refused",
            "desk",
            422,
            "invalid_detail",
        )


def test_no_log_holds_a_secret_or_a_person(desk: Desk) -> None:
    """Whatever was sent, refused, put aside, folded, delivered or not: no line of any service holds keys, passwords,
    tokens, what people wrote, or whom they named; and each line is JSON."""
    key = desk.running.agency_key
    sent = [
        ("/v1/incidents", json.dumps(violation("kept-back")).encode(), key),
        ("/v1/incidents", json.dumps({**violation("other-region"), "region": "99.99"}).encode(), key),
        ("/v1/incidents", f'{{"description": "{PERSON}'.encode(), key),
        ("/v1/reports", b"\xff" + PERSON.encode(), key),
        ("/v1/reports?name=" + "kanari-query", json.dumps({"summary": PERSON}).encode(), key),
        ("/v1/reports", json.dumps({"summary": PERSON}).encode(), f"desk_nobody_{'k' * 43}"),
    ]
    for path, body, its_key in sent:
        desk.call(path, body, its_key)
    lines = b"\n".join([json.dumps({"kind": "incident", **violation("in-a-batch")}).encode(), PERSON.encode()])
    assert desk.call("/v1/batch", lines, key, "application/x-ndjson")[0] == 200
    asyncio.run(publish_bad_records(desk.running.kafka))
    until(lambda: events_of(desk, "aggregator") >= {"dead_letter", "cannot_fold"})
    until(lambda: receivers_in(desk) >= {"here", "away", "mail", "chat", "alerts"})
    written = {name: (desk.logs / f"{name}.log").read_text() for name in ("intake", "aggregator", "notifier")}
    keys = [key, desk.running.operator_key, "k" * 43]
    assert {service: leaks(text, keys) for service, text in written.items()} == {service: [] for service in written}
    for service in written:
        assert {line["service"] for line in desk.lines(service)} == {service}


def receivers_in(desk: Desk) -> set[str]:
    """Of whom the notifier's log says how they were told."""
    return {line.get("delivery", "").rpartition("|")[2] for line in desk.lines("notifier")}


def events_of(desk: Desk, service: str) -> set[str]:
    return {line["event"] for line in desk.lines(service)}


def leaks(text: str, keys: list[str]) -> list[str]:
    """What of all that must not be told is told, however a log spells it."""
    names = [PERSON, "Kanari-Rahasia", "0812-5550-1917", "kanari-query", "kanari-person"]
    secrets = [SECRET, *TOKENS.values(), "AAkanariTelegram", *keys]
    spelt = {form for one in [*names, *secrets] for form in (one, json.dumps(one)[1:-1], one.removeprefix("whsec_"))}
    return sorted(one for one in spelt if one in text)


async def publish_bad_records(kafka: str) -> None:
    """Straight into Kafka, past intake: what is no event, and an event that cannot be folded."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for odd in ({"type": PERSON}, {"type": "desk.incident.v1", PERSON: PERSON, "data": {PERSON: PERSON}}):
            await producer.send_and_wait(INCIDENTS.name, json.dumps(odd).encode(), b"64.72")
        of_nobody = a_report(utc("2024-11-25T01:00"), summary=PERSON).model_copy(update={"subject": SYSTEM})
        await producer.send_and_wait(REPORTS.name, encode(of_nobody), b"64.72")
    finally:
        await producer.stop()


def test_libraries_tell_no_password_when_all_is_away(tmp_path: Path) -> None:
    """With neither broker nor database, at the most talkative level: what the drivers say of their addresses is JSON
    under our name, and without the passwords in them."""
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    passwords = ("kanari-mongo-p%40ssword", "kanari-kafka-password", "kanari-otlp-password")
    env = {
        **os.environ,
        "DESK_MONGO": f"mongodb://desk:{passwords[0]}@127.0.0.1:{CLOSED}/?replicaSet=rs0",
        "DESK_MONGO_TIMEOUT_MS": "300",
        "DESK_KAFKA": f"127.0.0.1:{CLOSED}",
        "DESK_KAFKA_CA": str(authority),
        "DESK_KAFKA_USER": "desk",
        "DESK_KAFKA_PASSWORD": passwords[1],
        "DESK_OTLP_ENDPOINT": f"http://desk:{passwords[2]}@127.0.0.1:{CLOSED}",
        "DESK_HTTP_PORT": "0",
        "DESK_LOG_LEVEL": "DEBUG",
        "DESK_DATA_DIR": str(tmp_path),
    }
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "services.notifier"], stdout=file, stderr=file, env=env)
    try:
        until(lambda: {"aiokafka", "shared"} <= {one.partition(".")[0] for one in loggers(log)} or process.poll())
    finally:
        process.terminate()
        process.wait(30)
    text = log.read_text()
    assert [p for p in (*passwords, "kanari-mongo-p@ssword") if p in text] == []
    assert {json.loads(line)["service"] for line in text.splitlines()} == {"notifier"}


def loggers(log: Path) -> set[str]:
    return {json.loads(line)["logger"] for line in log.read_text().splitlines() if line.endswith("}")}
