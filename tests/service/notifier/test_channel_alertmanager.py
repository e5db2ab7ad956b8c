"""Alertmanager's v2 API, against a stand-in that takes only what its schema allows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.notifier.alerts.alert_labels import labelled
from services.notifier.channels import Message, SendFailed
from services.notifier.channels.alertmanager import Alertmanager
from services.notifier.channels.table import alertmanager
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.telling_again import TellingAgain
from services.notifier.routing.addresses import AlertmanagerAddress
from shared.metrics import Metrics
from shared.settings import Settings
from tests.builders import a_calendar, a_notice_payload, a_report, an_alert_shown, utc
from tests.http_receiver import HttpReceiver, http_receiver
from tests.service.notifier.conftest import Bench, until_idle, until_told

NOW = utc("2024-11-18T20:00:00Z")
SOON = NOW + timedelta(minutes=4)


def schema_problem(body: bytes) -> str | None:
    """What Alertmanager's OpenAPI (v2, `postableAlerts`) and its checks have against a body; None if nothing.

    An array of objects with `labels` (required, at least one; names `[a-zA-Z_][a-zA-Z0-9_]*`, values not empty),
    `annotations`, both of strings; `startsAt`, `endsAt` RFC 3339, the end not before the start; `generatorURL`.
    """
    alerts = json.loads(body)
    if not isinstance(alerts, list):
        return "no array"
    for alert in alerts:
        if set(alert) - {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}:
            return "unknown key"
        for name in ("labels", "annotations"):
            if not all(isinstance(v, str) for v in alert.get(name, {}).values()):
                return f"{name}: no string"
            if not all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", k) for k in alert.get(name, {})):
                return f"{name}: bad name"
        if not alert.get("labels") or not all(alert["labels"].values()) or "alertname" not in alert["labels"]:
            return "labels"
        starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        if starts.tzinfo is None or ends.tzinfo is None or ends < starts:
            return "times"
    return None


@pytest.fixture
async def server() -> AsyncIterator[HttpReceiver]:
    async with http_receiver() as made:
        yield made


def an_address(server: HttpReceiver, url: str = "", **keys: Any) -> AlertmanagerAddress:
    return AlertmanagerAddress.model_validate(
        {"name": "am", "channel": "alertmanager", "url": url or f"http://127.0.0.1:{server.port}", **keys}
    )


def a_channel(address: AlertmanagerAddress) -> Alertmanager:
    return alertmanager(address, Settings(), a_calendar())


def posted(server: HttpReceiver) -> list[dict[str, Any]]:
    """The alerts of the last call, which the schema allows."""
    body = server.got[-1][1]
    assert schema_problem(body) is None
    found: list[dict[str, Any]] = json.loads(body)
    return found


async def test_firing(server: HttpReceiver) -> None:
    """Labels that never change in an alert, both texts, an end that lies ahead by less than Alertmanager forgets."""
    channel = a_channel(an_address(server, resend_every="1m"))
    sent = await channel.send(Message("msg_1", a_notice_payload()))
    await channel.close()
    assert sent.status == 200
    assert server.paths == ["/api/v2/alerts"]
    (alert,) = posted(server)
    assert alert["labels"] == {
        "alertname": "missing-report",
        "desk_alert": "missing-report:2024-11-18:64.72",
        "severity": "warning",
        "region": "64.72",
        "regency": "Kota Samarinda",
        "period": "2024-11-18",
    }
    assert alert["annotations"] == {
        "summary": "Kalimantan Timur: belum lapor: Samarinda.",
        "summary_en": "Kalimantan Timur: missing: Samarinda.",
    }
    assert alert["startsAt"] == "2024-11-18T18:00:00+00:00"
    ahead = datetime.fromisoformat(alert["endsAt"]) - datetime.now(UTC)
    assert timedelta(minutes=3) < ahead < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("alert", "starts", "ends"),
    [
        (an_alert_shown(), "2024-11-18T18:00Z", SOON),
        (an_alert_shown(state="acknowledged"), "2024-11-18T18:00Z", SOON),
        (
            an_alert_shown(state="resolved", resolved_at=utc("2024-11-18T19:00Z"), resolution="reported_late"),
            "2024-11-18T18:00Z",
            utc("2024-11-18T19:00Z"),
        ),
        # a scenario's clock, ahead of the real one
        (an_alert_shown(raised_at=utc("2025-01-01T00:00Z")), "2024-11-18T20:00Z", SOON),
        (
            an_alert_shown(state="resolved", raised_at=utc("2025-01-01T00:00Z"), resolved_at=utc("2025-01-02T00:00Z")),
            "2024-11-18T20:00Z",
            NOW,
        ),
        (an_alert_shown("64.72.01.1001", period=None), "2024-11-18T18:00Z", SOON),
        (an_alert_shown("system", rule="cannot-evaluate", id="cannot-evaluate:2024-11-18"), "2024-11-18T18:00Z", SOON),
        (an_alert_shown("99.99", rule="a-new-rule", id="a-new-rule:x"), "2024-11-18T18:00Z", SOON),
    ],
)
def test_every_alert_fits_the_schema(alert: dict[str, Any], starts: str, ends: datetime) -> None:
    """Whatever its state, region and rule; resolved ones end when they were resolved."""
    import orjson

    (made,) = labelled(a_calendar(), a_notice_payload(alert), NOW, SOON)
    assert schema_problem(orjson.dumps([made])) is None
    assert (made["startsAt"], made["endsAt"]) == (utc(starts), ends)


def test_an_alert_is_the_same_one_to_alertmanager() -> None:
    """Firing, known, resolved: the labels stay, or it would never be resolved."""
    states = [
        an_alert_shown(),
        an_alert_shown(state="acknowledged"),
        an_alert_shown(state="resolved", resolved_at=NOW),
    ]
    made = [labelled(a_calendar(), a_notice_payload(a), NOW, SOON)[0]["labels"] for a in states]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize(
    ("url", "keys", "expected"),
    [
        ("http://127.0.0.1:{port}", {}, None),
        ("http://desk:geheim%2F1@127.0.0.1:{port}/", {}, "desk:geheim/1"),
        ("http://127.0.0.1:{port}/alertmanager/", {"username": "desk", "password": "geheim"}, "desk:geheim"),
        ("http://127.0.0.1:{port}", {"username": "desk", "password_file": "secret"}, "desk:geheim-file"),
        ("http://127.0.0.1:{port}", {"token_file": "secret"}, "Bearer geheim-file"),
    ],
)
async def test_logins(
    server: HttpReceiver, tmp_path: Path, url: str, keys: dict[str, str], expected: str | None
) -> None:
    """None, of the url, of its own keys, of files; below a path too."""
    (tmp_path / "secret").write_text("geheim-file\n")
    keys = {k: str(tmp_path / v) if k.endswith("_file") else v for k, v in keys.items()}
    address = an_address(server, url.format(port=server.port), **keys)
    address.check()
    channel = a_channel(address)
    await channel.send(Message("msg_1", a_notice_payload()))
    await channel.close()
    given = server.got[0][0].get("authorization", "")
    shown = base64.b64decode(given[6:]).decode() if given.startswith("Basic ") else given
    assert (shown or None) == expected
    assert server.paths == ["/alertmanager/api/v2/alerts" if "/alertmanager" in url else "/api/v2/alerts"]


@pytest.mark.parametrize("every", ["5m", "1h", "0s"])
def test_interval_below_what_alertmanager_forgets(server: HttpReceiver, every: str) -> None:
    """An interval that would let it take a firing alert for resolved is refused."""
    with pytest.raises(ValueError, match="resend_every"):
        an_address(server, resend_every=every)


class Team:
    """An Alertmanager that was told of a judgement: Samarinda reported in time, two regencies are missing."""

    def __init__(self, bench: Bench, server: HttpReceiver) -> None:
        self.bench, self.server, self.metrics = bench, server, Metrics("test")
        self.address = an_address(server, resend_every="1m")
        self.channel = a_channel(self.address)
        self.deliveries = DeliveryStore(bench.store.database)
        self.receivers = ReceiverStore(bench.store.database)

    def teller(self) -> TellingAgain:
        return TellingAgain(
            self.address, self.channel, self.bench.store, self.deliveries, self.receivers, self.metrics
        )

    async def plan_and_send(self) -> None:
        from services.notifier.delivery.delivering import Sender
        from services.notifier.routing.receivers import Receivers

        file = {"receivers": [{"name": "am", "channel": "alertmanager", "url": self.address.url}]}
        receivers = Receivers.model_validate({**file, "digest_wait": "0s"})
        await until_told(self.bench.planning(receivers), self.bench.settling().step)
        sender = Sender(self.address, self.channel, self.deliveries, self.receivers, "me", 30, self.metrics)
        await until_idle(sender.step)

    async def make_due(self) -> None:
        await self.receivers.database.receivers.update_many({}, [{"$set": {"told_again_at": "$$NOW"}}])


@pytest.fixture
async def team(bench: Bench, server: HttpReceiver) -> AsyncIterator[Team]:
    await bench.file(a_report(utc("2024-11-18T08:00:00Z"), region="64.72"))
    await bench.judge().step()
    made = Team(bench, server)
    await made.plan_and_send()
    yield made
    await made.channel.close()


def regions(server: HttpReceiver) -> list[str]:
    return sorted(alert["labels"]["region"] for alert in posted(server))


async def test_what_fires_is_told_again_and_nothing_else(team: Team) -> None:
    """Every interval by one replica, all that fires and was told; what is resolved is told once, as resolved."""
    server, ours, theirs = team.server, team.teller(), team.teller()
    assert regions(server) == ["64.02", "64.71"]
    for _ in range(2):
        server.got.clear()
        for teller in (ours, theirs, ours):
            assert await teller.step() is False
        assert len(server.got) == 1  # one call for all of them, by one of two replicas
        assert regions(server) == ["64.02", "64.71"]
        await team.make_due()
    await team.bench.file(a_report(utc("2024-11-18T19:00:00Z"), region="64.71", event_id="late"))
    server.got.clear()
    await team.plan_and_send()
    (resolved,) = posted(server)
    assert resolved["endsAt"] < datetime.now(UTC).isoformat()
    assert resolved["annotations"]["resolution"] == "reported_late"
    server.got.clear()
    await ours.step()
    assert regions(server) == ["64.02"]
    (again,) = posted(server)
    assert again["labels"]["desk_alert"] == "missing-report:2024-11-18:64.02"
    assert again["annotations"]["summary"].startswith("Kalimantan Timur: 1/3 sudah melapor")


async def test_what_was_not_told_is_not_told_again(team: Team) -> None:
    """The first word is a delivery's: what was suppressed or still waits is not slipped in here."""
    await team.deliveries.database.deliveries.update_many({}, {"$set": {"state": "suppressed"}})
    team.server.got.clear()
    await team.teller().step()
    assert team.server.got == []


async def test_telling_again_fails(team: Team) -> None:
    """It is counted, and the next turn makes it good; whoever wants no more is left alone."""
    team.server.status = 503
    await team.teller().step()
    labels = {"channel": "alertmanager", "outcome": "not_told_again"}
    assert team.metrics.registry.get_sample_value("desk_deliveries_total", labels) == 1
    team.server.status = 200
    await team.make_due()
    await team.teller().step()
    assert regions(team.server) == ["64.02", "64.71"]
    await team.receivers.disable("am", "HTTP 410")
    await team.make_due()
    team.server.got.clear()
    await team.teller().step()
    assert team.server.got == []


async def test_failures_are_as_of_all_http_channels(server: HttpReceiver) -> None:
    """A busy one is tried again."""
    server.status = 503
    channel = a_channel(an_address(server))
    with pytest.raises(SendFailed) as failed:
        await channel.send(Message("msg_1", a_notice_payload()))
    await channel.close()
    assert not failed.value.is_permanent
