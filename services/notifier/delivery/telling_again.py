"""Alertmanager takes an alert that nobody repeats for resolved: what still fires is told again, as it was told last.

Only what the receiver was told of already: the first word is a delivery's. One replica at a time; a failure is made
good by the next turn, and after several of them Alertmanager's own dead man's switch is right.
"""

from __future__ import annotations

from typing import Protocol

from services.notifier.channels import SendFailed, Sent
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.replies import shown
from services.notifier.routing.addresses import AlertmanagerAddress
from services.notifier.store import Store
from shared.events.alert import AlertState
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.mongo import Document

log = get_logger(__name__)

_AT_A_TIME = 200
_STILL = [AlertState.FIRING.value, AlertState.ACKNOWLEDGED.value]


class TellsAgain(Protocol):
    async def tell(self, payloads: list[Document]) -> Sent: ...

    async def close(self) -> None: ...


class TellingAgain:
    def __init__(
        self,
        receiver: AlertmanagerAddress,
        channel: TellsAgain,
        store: Store,
        deliveries: DeliveryStore,
        receivers: ReceiverStore,
        metrics: Metrics,
    ) -> None:
        self.receiver, self._channel, self._metrics = receiver, channel, metrics
        self._store, self._deliveries, self._receivers = store, deliveries, receivers

    async def step(self) -> bool:
        """Tell all of it again if it is time; False always: the next turn is not due at once."""
        name = self.receiver.name
        if not await self._receivers.claim_telling_again(name, self.receiver.resend_every.total_seconds()):
            return False
        if await self._receivers.disabled_because(name):
            return False
        after = None
        while found := await self._store.alerts({"state": {"$in": _STILL}}, after, _AT_A_TIME):
            after = found[-1]["_id"]
            told = await self._deliveries.last_told(name, [alert["_id"] for alert in found])
            if told and not await self._tell([_alone(alert_id, payload) for alert_id, payload in told.items()]):
                return False
        return False

    async def close(self) -> None:
        await self._channel.close()

    async def _tell(self, payloads: list[Document]) -> bool:
        try:
            await self._channel.tell(payloads)
        except SendFailed as failure:
            problem = shown(str(failure), ())
            self._metrics.deliveries.labels(self.receiver.channel, "not_told_again").inc()
            log.warning("not_told_again", receiver=self.receiver.name, problem=problem)
            return False
        return True


def _alone(alert_id: str, payload: Document) -> Document:
    """The payload, with one of its alerts: others of the same digest may be resolved since."""
    data = payload["data"]
    return {**payload, "data": {**data, "alerts": [a for a in data["alerts"] if a["id"] == alert_id]}}
