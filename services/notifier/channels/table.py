"""The table of channels: of each kind of address the channel that sends there. A new channel is one row here, a module
beside this one, an address in `routing/addresses.py`, and a row in the tables of the tests of all channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from services.notifier.alerts.alert_labels import labelled
from services.notifier.channels import Channel, Message
from services.notifier.channels.alertmanager import Alertmanager
from services.notifier.channels.apprise import Apprise
from services.notifier.channels.console import Console
from services.notifier.channels.email import Email
from services.notifier.channels.webhook import Webhook
from services.notifier.notices.mails import Mail, mail_of
from services.notifier.routing.addresses import (
    Address,
    AlertmanagerAddress,
    AppriseAddress,
    ConsoleAddress,
    EmailAddress,
    WebhookAddress,
)
from shared.election.calendar import Calendar
from shared.settings import Settings


def make_channel(address: Address, settings: Settings, calendar: Calendar) -> Channel:
    """Raises OSError if a secret's file cannot be read any more."""
    maker = next(make for kind, make in _MAKERS.items() if isinstance(address, kind))
    return maker(address, settings, calendar)


def _console(_address: ConsoleAddress, _settings: Settings, _calendar: Calendar) -> Channel:
    return Console()


def _webhook(address: WebhookAddress, settings: Settings, _calendar: Calendar) -> Channel:
    return Webhook(
        address.url,
        address.signing_secrets(),
        allow_private=address.allow_private,
        timeout_s=settings.webhook_timeout_s,
        concurrency=address.concurrency,
    )


def _email(address: EmailAddress, settings: Settings, calendar: Calendar) -> Channel:
    def write(message: Message) -> Mail:
        return mail_of(message.payload, message.webhook_id, calendar)

    return Email(address, address.login_password(), write, timeout_s=settings.send_timeout_s)


def _apprise(address: AppriseAddress, settings: Settings, _calendar: Calendar) -> Channel:
    return Apprise(address.service_url(), timeout_s=settings.send_timeout_s, concurrency=address.concurrency)


def alertmanager(address: AlertmanagerAddress, settings: Settings, calendar: Calendar) -> Alertmanager:
    return Alertmanager(address, partial(labelled, calendar), timeout_s=settings.webhook_timeout_s)


_MAKERS: Mapping[type[Address], Callable[..., Channel]] = {
    ConsoleAddress: _console,
    WebhookAddress: _webhook,
    EmailAddress: _email,
    AppriseAddress: _apprise,
    AlertmanagerAddress: alertmanager,
}
