"""What a production start refuses, by the setting's name."""

from __future__ import annotations

from typing import Any

import pytest

from shared.production import refuse_unsafe, unsafe_because
from shared.settings import BadSettings, Settings

RANDOM = "9f0c1d7be5a84e36b2d1c0f7a6e5b493"
MONGO = "mongodb://{}@mongo/?replicaSet=rs0&authSource=admin{}"
TLS = "&tls=true&tlsCAFile=/run/secrets/ca"
SAFE: dict[str, Any] = {
    "production": True,
    "kafka_ca": "/run/secrets/ca",
    "kafka_user": "intake",
    "kafka_password": RANDOM,
    "mongo": MONGO.format(f"intake:{RANDOM}", TLS),
}


def test_a_safe_one_starts() -> None:
    """Users, passwords, TLS; a certificate instead of a user is as good."""
    refuse_unsafe(Settings(**SAFE))
    refuse_unsafe(Settings(**{**SAFE, "kafka_user": None, "kafka_password": None, "kafka_certificate": "/x"}))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"clock": "2024-11-18T08:00:00+08:00@60"}, "DESK_CLOCK"),
        ({"kafka_ca": None, "kafka_user": None, "kafka_password": None}, "DESK_KAFKA_CA"),
        ({"kafka_user": None, "kafka_password": None}, "DESK_KAFKA_USER"),
        ({"kafka_password": "short"}, "DESK_KAFKA_PASSWORD"),
        ({"kafka_password": "please-change-me-please-change-me"}, "DESK_KAFKA_PASSWORD"),
        ({"mongo": "mongodb://mongo/?replicaSet=rs0" + TLS}, "DESK_MONGO"),
        ({"mongo": MONGO.format(f"intake:{RANDOM}", "")}, "DESK_MONGO"),
        ({"mongo": MONGO.format(f"intake:{RANDOM}", "&tls=false")}, "DESK_MONGO"),
        ({"mongo": MONGO.format(f"intake:{RANDOM}", TLS + "&tlsInsecure=true")}, "DESK_MONGO"),
        ({"mongo": MONGO.format("intake:rahasia", TLS)}, "DESK_MONGO"),
        ({"mongo": MONGO.format("intake", TLS)}, "DESK_MONGO"),
        ({"admin_key": "admin"}, "DESK_ADMIN_KEY"),
        ({"admin_key": "desk_admin_contoh_contoh_contoh_contoh"}, "DESK_ADMIN_KEY"),
    ],
)
def test_one_fault_is_enough(changed: dict[str, Any], told: str) -> None:
    """It is refused by name, and no secret is shown; a start that is none for production does not mind."""
    settings = Settings(**{**SAFE, **changed})
    (reason,) = unsafe_because(settings)
    assert reason.startswith(f"{told}: ")
    with pytest.raises(BadSettings, match=told) as refused:
        refuse_unsafe(settings)
    for secret in (RANDOM, "rahasia", "please-change-me", "contoh_contoh"):
        assert secret not in str(refused.value)
    refuse_unsafe(settings.model_copy(update={"production": False}))
