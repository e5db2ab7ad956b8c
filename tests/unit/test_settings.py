"""The settings: one table, secrets also from files, a bad value is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings import SECRETS, BadSettings, Settings, as_table, read_settings


def test_defaults_need_nothing() -> None:
    """An empty environment is a working one; what is set and empty counts as not set."""
    assert read_settings({}) == read_settings({"DESK_KAFKA": "", "OTHER": "x", "DESK_MONGO_FILE": ""}) == Settings()
    assert Settings().election.is_file()


def test_values_are_parsed() -> None:
    """Texts become what the field is."""
    found = read_settings(
        {
            "DESK_HTTP_PORT": "9000",
            "DESK_OBLIGATIONS_FROM": "2024-11-11",
            "DESK_ELECTION": "/e.yaml",
            "DESK_CLOCK": "c",
        }
    )
    assert (found.http_port, str(found.obligations_from), found.election, found.clock) == (
        9000,
        "2024-11-11",
        Path("/e.yaml"),
        "c",
    )


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({"kafka_ca": "/ca"}, False),
        ({"kafka_ca": "/ca", "kafka_user": "intake", "kafka_password": "x"}, False),
        ({"kafka_ca": "/ca", "kafka_certificate": "/c"}, False),
        ({"kafka_ca": "/ca", "kafka_user": "intake"}, True),
        ({"kafka_user": "intake", "kafka_password": "x"}, True),
        ({"kafka_certificate": "/c"}, True),
    ],
)
def test_a_password_goes_over_tls_alone(given: dict[str, str], is_refused: bool) -> None:
    """Half of what it takes to be known to Kafka is a mistake, and said."""
    environ = {f"DESK_{name.upper()}": value for name, value in given.items()}
    if is_refused:
        with pytest.raises(BadSettings, match="DESK_KAFKA_"):
            read_settings(environ)
    else:
        assert read_settings(environ).kafka == Settings().kafka


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_secrets_come_from_files_too(name: str, tmp_path: Path) -> None:
    """`DESK_X_FILE` names a file with the secret, its last line break left out; the variable itself goes first."""
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    variable = f"DESK_{name.upper()}"
    for environ, expected in (
        ({f"{variable}_FILE": str(file)}, "from-file"),
        ({variable: "direct", f"{variable}_FILE": "/nowhere"}, "direct"),
    ):
        value = getattr(read_settings(environ), name)
        assert (value if isinstance(value, str) else value.get_secret_value()) == expected


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    """Other variables have no `_FILE`."""
    (tmp_path / "x").write_text("9000")
    assert read_settings({"DESK_HTTP_PORT_FILE": str(tmp_path / "x")}).http_port == Settings().http_port


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"DESK_HTTP_PORT": "eighty"}, "DESK_HTTP_PORT: Input should be a valid integer"),
        ({"DESK_HTTP_PORT": "65536"}, "DESK_HTTP_PORT: Input should be less than or equal to 65535"),
        ({"DESK_MONGO_DRIVER": "mongoengine"}, "DESK_MONGO_DRIVER: Input should be 'motor' or 'pymongo'"),
        ({"DESK_LOG_LEVEL": "debug"}, "DESK_LOG_LEVEL: Input should be 'DEBUG'"),
        ({"DESK_OBLIGATIONS_FROM": "11-11-2024"}, "DESK_OBLIGATIONS_FROM: "),
        ({"DESK_ACCESS_CACHE_S": "26"}, "DESK_ACCESS_CACHE_S: Input should be less than or equal to 25"),
        ({"DESK_PUBLISH_DEADLINE_S": "nan"}, "DESK_PUBLISH_DEADLINE_S: "),
        ({"DESK_PUBLISH_DEADLINE_S": "10.1"}, "DESK_PUBLISH_DEADLINE_S: Input should be less than or equal to 10"),
        ({"DESK_WEBHOOK_TIMEOUT_S": "30"}, "four fifths of DESK_DELIVERY_LEASE_S (30) must exceed DESK_WEBHOOK"),
        ({"DESK_INTAKE_URL": "localhost:80"}, "DESK_INTAKE_URL: localhost:80 is no address; for example https://"),
        ({"DESK_ADMIN_KEY_FILE": "/nowhere/key"}, "DESK_ADMIN_KEY_FILE: /nowhere/key cannot be read: No such file"),
    ],
)
def test_bad_values(environ: dict[str, str], told: str) -> None:
    """One line that begins with the variable's name."""
    with pytest.raises(BadSettings) as refused:
        read_settings(environ)
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("content", "told"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "is no text")])
def test_bad_secret_files(content: bytes, told: str, tmp_path: Path) -> None:
    """An empty secret would let everyone in or no one: it is refused, by its variable and path."""
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(BadSettings, match=f"DESK_ADMIN_KEY_FILE: {file} {told}"):
        read_settings({"DESK_ADMIN_KEY_FILE": str(file)})


def test_a_secret_is_not_shown() -> None:
    """The admin key stays out of whatever prints the settings."""
    assert "geheim" not in repr(read_settings({"DESK_ADMIN_KEY": "geheim"}))


def test_table_for_the_readme() -> None:
    """The table has a row for each field, with what it means; secrets are marked, paths of this machine left out."""
    lines = as_table().splitlines()
    assert lines[:2] == ["| variable | default | meaning |", "| --- | --- | --- |"]
    assert len(lines) == 2 + len(Settings.model_fields)
    for name, line in zip(Settings.model_fields, lines[2:], strict=True):
        assert line.startswith(f"| `DESK_{name.upper()}`")
        assert ("_FILE" in line) is (name in SECRETS)
        assert len(line.split("|")[3].strip()) > 5
    assert str(Path.cwd()) not in as_table()
    assert "`deploy/elections/kaltim-2024.yaml`" in as_table()
