"""Who we are to Kafka, and whose certificate we trust: what every client of ours is made with."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faststream.security import BaseSecurity, SASLScram512

from shared.settings import Settings

_MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True)
class Security:
    """Nothing: plain text, for one machine alone. `ca` means TLS; with it a user and a password (SASL/SCRAM), or a
    certificate with its key in one file. The files are read when a client is made."""

    ca: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: Path | None = None

    def options(self) -> dict[str, Any]:
        """For aiokafka's clients. Raises ValueError with one clear line."""
        if self.ca is None:
            return {}
        if self.user is None:
            return {"security_protocol": "SSL", "ssl_context": self._context()}
        return {
            "security_protocol": "SASL_SSL",
            "ssl_context": self._context(),
            "sasl_mechanism": _MECHANISM,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }

    def faststream(self) -> BaseSecurity | None:
        """The same for FastStream's broker. Raises ValueError."""
        if self.ca is None:
            return None
        if self.user is None:
            return BaseSecurity(ssl_context=self._context())
        return SASLScram512(self.user, self.password or "", ssl_context=self._context())

    def _context(self) -> ssl.SSLContext:
        """Checks the broker's certificate and its name."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"DESK_KAFKA_CA: {self.ca} cannot be used: {error}") from None
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate)
            except (OSError, ssl.SSLError) as error:
                raise ValueError(f"DESK_KAFKA_CERTIFICATE: {self.certificate} cannot be used: {error}") from None
        return context


PLAIN = Security()


def security_of(settings: Settings) -> Security:
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else None
    return Security(settings.kafka_ca, settings.kafka_user, password, settings.kafka_certificate)
