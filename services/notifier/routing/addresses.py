"""Where receivers are reached: one model a channel, as the receivers file has it; who is told of what is elsewhere.

Secrets stand in the file or, better, in files of their own that it names; they are never part of a `repr`.
"""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, model_validator

from services.notifier.delivery.replies import secrets_of_service_url, secrets_of_url
from services.notifier.routing import credentials
from services.notifier.routing.credentials import BadAddress
from shared.election.durations import Duration, between
from shared.election.frozen import Frozen
from shared.strict import Slug

_MOST_SIGNING_SECRETS = 4
_LONGEST_SILENCE = timedelta(minutes=4, seconds=59)  # its default `resolve_timeout` is five minutes

WebUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$", repr=False)]
Mailbox = Annotated[str, Field(pattern=r"^[!-;=?A-~]{1,64}@[A-Za-z0-9.-]{1,190}$")]  # ASCII: every server takes it
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]


_FILE_EXAMPLE = "password_file: /run/secrets/smtp"
_SERVICE_EXAMPLE = "url: tgram://123456789:abcdefg_hijklmnop/-100123"


class Address(Frozen):
    """What all channels have. At most `concurrency` notices at a time go to it from each replica; one that fails in
    passing is tried again for `retry_for`, then it is dead."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Slug
    channel: str
    concurrency: Annotated[int, Field(ge=1, le=16)] = 1
    retry_for: Annotated[Duration, between(timedelta(minutes=1), timedelta(days=7))] = timedelta(hours=4)

    def secrets(self) -> tuple[str, ...]:
        """What of it must never be shown. Raises OSError if a secret's file cannot be read."""
        return ()

    def check(self) -> None:
        """Raises BadAddress."""


class ConsoleAddress(Address):
    """Lines on the notifier's standard output."""

    channel: Literal["console"]


class WebhookAddress(Address):
    """A POST signed by Standard Webhooks. A secret is `whsec_` and base64; with several there is a signature for each.
    Private addresses are refused unless `allow_private` says otherwise."""

    channel: Literal["webhook"]
    url: WebUrl
    secret: SecretStr | None = None
    secret_file: Path | None = None
    secrets_: Annotated[tuple[SecretStr, ...], Field(alias="secrets", max_length=_MOST_SIGNING_SECRETS)] = ()
    secret_files: Annotated[tuple[Path, ...], Field(max_length=_MOST_SIGNING_SECRETS)] = ()
    allow_private: bool = False

    @model_validator(mode="after")
    def _one_way_to_the_secrets(self) -> WebhookAddress:
        given = (self.secret is not None, self.secret_file is not None, bool(self.secrets_), bool(self.secret_files))
        if sum(given) != 1:
            raise ValueError(
                "a webhook needs one of `secret` and `secret_file`, or several: `secrets`, `secret_files`"
            )
        return self

    def signing_secrets(self) -> tuple[str, ...]:
        """Raises OSError if a secret's file cannot be read."""
        given = (*self.secrets_, *([] if self.secret is None else [self.secret]))
        files = (*self.secret_files, *([] if self.secret_file is None else [self.secret_file]))
        return (*(s.get_secret_value() for s in given), *map(credentials.from_file, files))

    def secrets(self) -> tuple[str, ...]:
        signing = self.signing_secrets()
        return (*signing, *(s.removeprefix("whsec_") for s in signing), *secrets_of_url(self.url))

    def check(self) -> None:
        credentials.check_signing_secrets(self.signing_secrets)


class EmailAddress(Address):
    """Mail through an SMTP server, to all of `to`. `tls` is `starttls`, `implicit`, or `none`, which sends in clear,
    so never a password. `ca_file` names the authority of a server's own certificate."""

    channel: Literal["email"]
    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    sender: Annotated[Mailbox, Field(alias="from")]
    to: Annotated[tuple[Mailbox, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _a_login_is_whole_and_hidden(self) -> EmailAddress:
        credentials.check_login(self.username, self.password, self.password_file)
        if self.username is not None and self.tls == "none":
            raise ValueError("a password is never sent in clear: `tls` must be starttls or implicit")
        return self

    def login_password(self) -> str | None:
        """Raises OSError if its file cannot be read."""
        return credentials.secret(self.password, self.password_file)

    def secrets(self) -> tuple[str, ...]:
        password = self.login_password()
        return (password, f"\0{self.username}\0{password}") if password else ()  # the second as AUTH PLAIN sends it

    def check(self) -> None:
        if credentials.readable("password_file", _FILE_EXAMPLE, self.login_password) == "":
            raise BadAddress("password_file", "the password is empty", _FILE_EXAMPLE)
        if self.ca_file is not None:
            ca_file = self.ca_file
            example = "ca_file: /etc/ssl/certs/desk-ca.pem"
            credentials.readable("ca_file", example, lambda: ssl.create_default_context(cafile=str(ca_file)))


class AppriseAddress(Address):
    """What the library Apprise speaks: Telegram, WhatsApp, SMS gateways and others, by its kind of URL."""

    channel: Literal["apprise"]
    url: SecretStr | None = None
    url_file: Path | None = None

    @model_validator(mode="after")
    def _one_url(self) -> AppriseAddress:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("apprise needs one of `url` and `url_file`")
        return self

    def service_url(self) -> str:
        """Raises OSError if its file cannot be read."""
        return credentials.secret(self.url, self.url_file) or ""

    def secrets(self) -> tuple[str, ...]:
        return secrets_of_service_url(self.service_url())

    def check(self) -> None:
        from services.notifier.channels.apprise import is_understood  # it takes a second to load

        if not is_understood(credentials.readable("url", _SERVICE_EXAMPLE, self.service_url)):
            raise BadAddress("url", "the url is none that Apprise understands", _SERVICE_EXAMPLE)


class AlertmanagerAddress(Address):
    """Alertmanager's v2 API at `url`. What still fires is told again every `resend_every`, or it would be taken for
    resolved."""

    channel: Literal["alertmanager"]
    url: WebUrl
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    resend_every: Annotated[Duration, between(timedelta(seconds=1), _LONGEST_SILENCE)] = timedelta(minutes=1)

    @model_validator(mode="after")
    def _one_login(self) -> AlertmanagerAddress:
        credentials.check_login(self.username, self.password, self.password_file)
        if self.token_file is not None and self.username is not None:
            raise ValueError("an alertmanager is told one of `username` and `token_file`")
        return self

    def login_password(self) -> str | None:
        """Raises OSError if its file cannot be read."""
        return credentials.secret(self.password, self.password_file)

    def token(self) -> str | None:
        """A bearer token. Raises OSError if its file cannot be read."""
        return credentials.secret(None, self.token_file)

    def secrets(self) -> tuple[str, ...]:
        password = self.login_password()
        basic = (password, f"{self.username}:{password}") if password else ()
        return (*basic, *filter(None, [self.token()]), *secrets_of_url(self.url))

    def check(self) -> None:
        credentials.readable("password_file", _FILE_EXAMPLE, self.login_password)
        credentials.readable("token_file", "token_file: /run/secrets/alertmanager", self.token)
