"""What a production start refuses: secrets that everybody knows, and doors without locks."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from shared.settings import BadSettings, Settings

SHORTEST_SECRET = 20
# Of examples in documents, ours among them, and of habit.
_KNOWN = ("change", "ganti", "example", "contoh", "password", "sandi", "secret", "rahasia", "admin123", "12345")
# The key in the documents of Standard Webhooks, and so in our example of a receivers file.
_EXAMPLE_KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def refuse_unsafe(settings: Settings) -> None:
    """Raises BadSettings with all that is wrong, in one line, if this is a production start."""
    if settings.production and (reasons := list(unsafe_because(settings))):
        raise BadSettings("DESK_PRODUCTION is set and it does not start with this: " + "; ".join(reasons))


def unsafe_because(settings: Settings) -> Iterator[str]:
    """Each reason names the setting."""
    if settings.clock is not None:
        yield "DESK_CLOCK: a scenario clock"
    if settings.kafka_ca is None:
        yield "DESK_KAFKA_CA: Kafka in plain text"
    elif settings.kafka_user is None and settings.kafka_certificate is None:
        yield "DESK_KAFKA_USER: Kafka without a user"
    if settings.kafka_password is not None:
        yield from _weak("DESK_KAFKA_PASSWORD", settings.kafka_password.get_secret_value())
    yield from _unsafe_mongo(settings.mongo)
    if settings.admin_key is not None:
        yield from _weak("DESK_ADMIN_KEY", settings.admin_key.get_secret_value())


def weak_because(secret: str) -> str | None:
    """Why a secret is none: it stands in documents, or can be guessed."""
    if _EXAMPLE_KEY in secret or any(word in secret.lower() for word in _KNOWN):
        return "as in an example"
    return f"shorter than {SHORTEST_SECRET} characters" if len(secret) < SHORTEST_SECRET else None


def _weak(setting: str, secret: str) -> Iterator[str]:
    reason = weak_because(secret)
    if reason is not None:
        yield f"{setting}: a secret {reason}"


def _unsafe_mongo(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    userinfo, at, _ = parts.netloc.rpartition("@")
    if not at:
        yield "DESK_MONGO: MongoDB without a user"
    else:
        yield from _weak("DESK_MONGO", unquote(userinfo.partition(":")[2]))
    options = {name.lower(): values[-1].lower() for name, values in parse_qs(parts.query).items()}
    is_tls = "true" in (options.get("tls"), options.get("ssl")) or parts.scheme == "mongodb+srv"
    if not is_tls or any(options.get(name) == "true" for name in ("tlsinsecure", "tlsallowinvalidcertificates")):
        yield "DESK_MONGO: MongoDB without TLS, or with any certificate"
