"""Puts sending together: a channel and a sender for each receiver, and who is told again."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from services.notifier.channels.table import alertmanager, make_channel
from services.notifier.delivery.delivering import LEAVING_S, Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.telling_again import TellingAgain
from services.notifier.routing.addresses import Address, AlertmanagerAddress
from services.notifier.store import Store
from shared.election.calendar import Calendar
from shared.errors import said
from shared.logs import get_logger
from shared.loops import Loop
from shared.metrics import Metrics
from shared.metrics.notifier import OUTCOMES
from shared.settings import Settings

log = get_logger(__name__)

CLOSE_S = LEAVING_S + 2.0  # what is sent at once, and then the channel's connections
_TELL_AGAIN_S = 1.0


@dataclass(frozen=True)
class Sending:
    """What sends, and the loops that turn it: as many of each sender's as its receiver takes at a time."""

    senders: list[Sender]
    tellers: list[TellingAgain]
    send_loops: list[Loop]
    tell_loops: list[Loop]

    @property
    def by_receiver(self) -> dict[str, Sender]:
        return {sender.receiver.name: sender for sender in self.senders}

    def wake(self) -> None:
        """There is something to send."""
        for loop in self.send_loops:
            loop.wake()

    async def close(self) -> None:
        """All of them together, since each may wait for what it sends at once. One that fails, or takes longer than
        `CLOSE_S`, keeps no other waiting: it ends with the process."""
        closing: list[Sender | TellingAgain] = [*self.senders, *self.tellers]
        ended = await asyncio.gather(
            *(asyncio.wait_for(one.close(), CLOSE_S) for one in closing), return_exceptions=True
        )
        for one, failure in zip(closing, ended, strict=True):
            if failure is not None:
                log.warning("sender_not_closed", receiver=one.receiver.name, error=said(failure))


def build_sending(
    addresses: Sequence[Address],
    settings: Settings,
    calendar: Calendar,
    store: Store,
    deliveries: DeliveryStore,
    receivers: ReceiverStore,
    metrics: Metrics,
) -> Sending:
    """Raises OSError if a secret's file cannot be read any more."""
    owner, lease_s = f"{socket.gethostname()}:{os.getpid()}", settings.delivery_lease_s
    for channel in {address.channel for address in addresses}:
        for outcome in OUTCOMES:
            metrics.deliveries.labels(channel, outcome)
    senders = [
        Sender(a, make_channel(a, settings, calendar), deliveries, receivers, owner, lease_s, metrics)
        for a in addresses
    ]
    tellers = [
        TellingAgain(a, alertmanager(a, settings, calendar), store, deliveries, receivers, metrics)
        for a in addresses
        if isinstance(a, AlertmanagerAddress)
    ]
    send_loops = [Loop(name, s.step, metrics) for s in senders for name in _loop_names(s.receiver)]
    tell_loops = [Loop(f"tell-again:{t.receiver.name}", t.step, metrics, _TELL_AGAIN_S) for t in tellers]
    return Sending(senders, tellers, send_loops, tell_loops)


def _loop_names(receiver: Address) -> list[str]:
    """`send:name`, and for those that take several at a time `send:name:2` and so on."""
    return [f"send:{receiver.name}", *(f"send:{receiver.name}:{n}" for n in range(2, receiver.concurrency + 1))]
