"""What `desk receivers` does: how receivers are doing, told anew, and a test message through the real channel."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from services.notifier.channels import SendFailed
from services.notifier.channels.table import make_channel
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_state import receiver_json
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.replies import shown
from services.notifier.delivery.trials import trial_message
from services.notifier.routing.addresses import Address
from shared import mongo
from shared.clock import real
from shared.election.calendar import Calendar
from shared.settings import Settings


@dataclass(frozen=True)
class Tried:
    """How a test message went, in words without secrets."""

    is_delivered: bool
    outcome: str


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[tuple[DeliveryStore, ReceiverStore]]:
    """The notifier's deliveries and receivers. Nothing is dialled until the first call."""
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
    try:
        database = mongo.database(client, mongo.NOTIFIER_DB)
        yield DeliveryStore(database), ReceiverStore(database)
    finally:
        await mongo.close(client)


async def states(settings: Settings, addresses: tuple[Address, ...]) -> list[dict[str, Any]]:
    """Of each receiver what `GET /v1/receivers` shows."""
    async with open_stores(settings) as (deliveries, receivers):
        known, counts = await receivers.all(), await deliveries.counts()
    return [receiver_json(a, known.get(a.name, {}), counts.get(a.name, {})) for a in addresses]


async def enable(settings: Settings, name: str, by: str) -> None:
    """Told again, from now on."""
    async with open_stores(settings) as (deliveries, receivers):
        await receivers.enable(name, by)
        await deliveries.release(name)


async def try_out(settings: Settings, calendar: Calendar, address: Address) -> Tried:
    """Send a marked test message. Nothing is stored, and nothing tried again."""
    channel, began = make_channel(address, settings, calendar), time.monotonic()
    secrets = address.secrets()
    try:
        sent = await channel.send(trial_message(address.name, real()))
    except SendFailed as failed:
        what = "it wants no more" if failed.disables else "no retry" if failed.is_permanent else "would be tried again"
        return Tried(False, _line(f"{failed} ({what})", failed.reply, secrets, began))
    finally:
        await channel.close()
    return Tried(True, _line(f"status {sent.status}" if sent.status else "", sent.reply, secrets, began))


def _line(what: str, reply: str, secrets: tuple[str, ...], began: float) -> str:
    took = f"{round((time.monotonic() - began) * 1000)} ms"
    return ", ".join(part for part in (shown(what, ()), took, shown(reply, secrets)) if part)
