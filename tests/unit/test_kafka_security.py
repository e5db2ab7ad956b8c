"""Who we are to Kafka: every client of ours is made with it, and trusts one authority alone."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from shared.kafka.security import PLAIN, Security, security_of
from shared.kafka.subscription import subscribe
from shared.settings import Settings
from shared.topics import REPORTS
from tests.unit.test_kafka_subscription import _ignore


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_nothing_is_plain_text() -> None:
    """For one machine alone."""
    assert (PLAIN.options(), PLAIN.faststream()) == ({}, None)


def test_a_user_goes_over_tls(ca: Path) -> None:
    """SCRAM with the settings' password; the broker's certificate and name are checked."""
    settings = Settings(kafka_ca=ca, kafka_user="intake", kafka_password=SecretStr("word"))
    options = security_of(settings).options()
    context = options.pop("ssl_context")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "intake",
        "sasl_plain_password": "word",
    }
    assert "word" not in repr(security_of(settings))


async def test_the_consumer_has_it_too(ca: Path) -> None:
    """FastStream makes its clients by itself."""
    broker, _ = subscribe("127.0.0.1:1", "some.group", (REPORTS,), _ignore, 7, Security(ca, "notifier", "word"))
    client = broker.config.broker_config.builder(group_id="some.group")._client
    assert (client._security_protocol, client._sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (client._sasl_plain_username, client._sasl_plain_password) == ("notifier", "word")
    assert client._ssl_context.verify_mode == ssl.CERT_REQUIRED


def test_a_certificate_instead_of_a_user(ca: Path, tmp_path: Path) -> None:
    """One file has it and its key."""
    both = tmp_path / "init"
    trustme.CA().issue_cert("init").private_key_and_cert_chain_pem.write_to_path(both)
    options = Security(ca, certificate=both).options()
    assert options["security_protocol"] == "SSL"
    assert "sasl_mechanism" not in options


@pytest.mark.parametrize("field", ["ca", "certificate"])
def test_a_file_that_is_none_is_named(field: str, ca: Path, tmp_path: Path) -> None:
    """One clear line: which setting, which file."""
    files: dict[str, Any] = {"ca": ca, "certificate": ca, field: tmp_path / "nowhere"}
    with pytest.raises(ValueError, match=rf"DESK_KAFKA_{field.upper()}: \S+/nowhere cannot be used"):
        Security(files["ca"], certificate=files["certificate"]).options()
