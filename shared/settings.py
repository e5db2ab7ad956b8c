"""All settings, in one table: environment variables `DESK_*`, for secrets also `DESK_*_FILE`.

The README's table is made from these fields (`desk settings`); nothing else in the project reads the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from shared.election.config import PUBLISH_DEADLINE
from shared.election.durations import Duration, format_duration

PREFIX = "DESK_"
_DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


def _retention(text: Any) -> Any:
    return None if text in ("none", "0") else text


# MongoDB counts the seconds of a TTL in 31 bits.
Retention = Annotated[
    Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=20_000))] | None, BeforeValidator(_retention)
]


class BadSettings(ValueError):
    """One line: which variable, what is wrong."""


def _web_address(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", url):
        raise ValueError(f"{url} is no address; for example https://intake.example.go.id")
    return url


class Settings(BaseModel):
    """Every service reads the same table and uses its part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    production: Annotated[
        bool, Field(description="refuse to start with secrets out of examples, and with doors without locks")
    ] = False
    kafka: Annotated[str, Field(description="Kafka's addresses, `host:port[,host:port]`")] = "127.0.0.1:9092"
    kafka_ca: Annotated[
        Path | None,
        Field(description="certificate of the authority that Kafka's are from: TLS then, plain text without"),
    ] = None
    kafka_user: Annotated[str | None, Field(description="our name to Kafka (SASL/SCRAM-SHA-512, over TLS)")] = None
    kafka_password: Annotated[SecretStr | None, Field(description="our password to Kafka")] = None
    kafka_certificate: Annotated[
        Path | None, Field(description="our certificate and its key in one file, instead of a user (`desk init`)")
    ] = None
    mongo: Annotated[str, Field(repr=False, description="MongoDB's connection string")] = (
        "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    )
    mongo_driver: Annotated[
        Literal["motor", "pymongo"],
        Field(description="`motor`, or its successor `pymongo` (AsyncMongoClient)"),
    ] = "motor"
    mongo_timeout_ms: Annotated[int, Field(ge=100, description="longest wait for one database call, ms")] = 10_000
    http_host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535, description="port to listen on")] = 8080
    election: Annotated[Path, Field(description="the election file")] = _DEPLOY / "elections" / "kaltim-2024.yaml"
    roster: Annotated[Path | None, Field(description="the roster, if not the one the election file names")] = None
    receivers: Annotated[Path | None, Field(description="the receivers file; without one, the console alone")] = None
    obligations_from: Annotated[
        date | None, Field(description="judge nothing before this date, whatever the election file says")
    ] = None
    clock: Annotated[
        str | None,
        Field(description="`<start>@<rate>`: a scenario clock for demos and tests; never in production"),
    ] = None
    data_dir: Annotated[Path, Field(description="where the scenario clock keeps its anchor")] = Path(".data")
    admin_key: Annotated[
        SecretStr | None, Field(description="the first admin key, written to `desk_access` by `desk init`")
    ] = None
    users_dir: Annotated[
        Path | None, Field(description="folder of the services' passwords; `desk init` makes users of them")
    ] = None
    agency_key: Annotated[SecretStr | None, Field(description="the agency's key that `desk submit` sends with")] = None
    intake_url: Annotated[
        str, AfterValidator(_web_address), Field(description="intake's address, where `desk submit` sends to")
    ] = "http://127.0.0.1:8080"
    aggregator_url: Annotated[
        str, AfterValidator(_web_address), Field(description="the aggregator's address, for `desk doctor`")
    ] = "http://127.0.0.1:8080/pantau"
    notifier_url: Annotated[
        str, AfterValidator(_web_address), Field(description="the notifier's address, for `desk doctor`")
    ] = "http://127.0.0.1:8080/notifier"
    http_ca: Annotated[
        Path | None,
        Field(description="certificate of the authority that these addresses' are from, if it is your own"),
    ] = None
    certificates: Annotated[
        str | None,
        Field(description="addresses, `host:port[,host:port]`, whose certificate's end intake tells in its metrics"),
    ] = None
    access_cache_s: Annotated[
        float, Field(gt=0, le=25, description="how long a key's rights are cached, and a revoked key still works, s")
    ] = 15.0
    publish_deadline_s: Annotated[
        float,
        Field(
            gt=0,
            le=PUBLISH_DEADLINE.total_seconds(),
            description="longest wait for Kafka's confirmation of one event, s",
        ),
    ] = 7.0
    body_limit_bytes: Annotated[int, Field(ge=1024, description="largest body of a single event, bytes")] = 65_536
    body_timeout_s: Annotated[
        float, Field(gt=0, le=300, description="longest time for receiving the body of a single event, s")
    ] = 30.0
    upload_max_lines: Annotated[int, Field(ge=1, description="most lines of one batch")] = 10_000
    upload_limit_bytes: Annotated[int, Field(ge=65_536, description="largest batch, bytes")] = 16 * 1024 * 1024
    events_per_minute: Annotated[
        int, Field(ge=1, description="events that one agency may send a minute, to each replica of intake")
    ] = 6_000
    rush_before: Annotated[
        Duration, Field(description="how long before a deadline the rush begins; it ends with the grace")
    ] = timedelta(hours=3)
    rush_factor: Annotated[float, Field(ge=1, description="how many times as many events in the rush")] = 5.0
    batch_max_records: Annotated[int, Field(ge=1, description="most records folded in one go")] = 4_000
    batch_timeout_s: Annotated[float, Field(gt=0, description="longest time for folding one batch, s")] = 60.0
    batch_attempts: Annotated[
        int, Field(ge=1, description="tries at one batch before the process exits and restarts")
    ] = 8
    journal_retention: Annotated[
        Retention,
        Field(
            description="how long the journal knows an event, so that one that is sent again counts once; `none` for "
            "ever. Longer than the election (`desk check`)"
        ),
    ] = timedelta(days=400)
    dead_letter_run: Annotated[
        int,
        Field(ge=1, description="bad records in a row that stop a consumer instead of draining the topic"),
    ] = 100
    undetermined_after_s: Annotated[
        float, Field(gt=0, description="real time until an unprovable verdict is called undetermined, s")
    ] = 900.0
    stuck_after_s: Annotated[
        float,
        Field(gt=0, description="a consumer with lag and no progress for this long ends its process, s"),
    ] = 60.0
    webhook_timeout_s: Annotated[
        float, Field(gt=0, le=30, description="total time for one webhook, or one call of Alertmanager, s")
    ] = 10.0
    send_timeout_s: Annotated[
        float, Field(gt=0, le=60, description="total time for one mail, or one message through Apprise, s")
    ] = 20.0
    delivery_lease_s: Annotated[
        float,
        Field(gt=0, description="how long one replica owns a delivery; four fifths of it exceed both of these, s"),
    ] = 30.0
    topic_replication: Annotated[int, Field(ge=1, le=9, description="replicas of each topic (`desk init`)")] = 1
    topic_min_insync: Annotated[int, Field(ge=1, le=9, description="`min.insync.replicas` (`desk init`)")] = 1
    otlp_endpoint: Annotated[
        Annotated[str, AfterValidator(_web_address)] | None,
        Field(repr=False, description="where traces are sent, `http://collector:4318` (OTLP over HTTP); none without"),
    ] = None
    trace_share: Annotated[
        float, Field(ge=0, le=1, description="of how many calls a trace is sent: `0.01` for one in a hundred")
    ] = 1.0
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(description="log level")] = "INFO"
    log_format: Annotated[Literal["json", "text"], Field(description="`json`, or `text` for a terminal")] = "json"

    @model_validator(mode="after")
    def _no_password_in_plain_text(self) -> Settings:
        if self.kafka_user is not None and self.kafka_password is None:
            raise ValueError("DESK_KAFKA_USER needs DESK_KAFKA_PASSWORD")
        if self.kafka_ca is None and (self.kafka_user or self.kafka_certificate):
            raise ValueError(
                "DESK_KAFKA_USER and DESK_KAFKA_CERTIFICATE need DESK_KAFKA_CA: a password goes over TLS alone"
            )
        return self

    @model_validator(mode="after")
    def _lease_outlives_the_call(self) -> Settings:
        for name in ("webhook_timeout_s", "send_timeout_s"):
            if 0.8 * self.delivery_lease_s <= getattr(self, name):
                raise ValueError(
                    f"four fifths of DESK_DELIVERY_LEASE_S ({self.delivery_lease_s:g}) must exceed "
                    f"{PREFIX}{name.upper()} ({getattr(self, name):g})"
                )
        return self


def secrets_of(settings: Settings) -> Iterator[str]:
    """What of the settings must be in no log; of an address with a login that, and its parts."""
    for name in SECRETS:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
    for address in (settings.mongo, settings.otlp_endpoint or ""):
        login = address.partition("://")[2].rpartition("@")[0]
        yield from {login, password := login.partition(":")[2], unquote(password)}


SECRETS = frozenset({"admin_key", "mongo", "agency_key", "kafka_password"})


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment (the process's own by default). Raises BadSettings with one clear line."""
    environ = os.environ if environ is None else environ
    values = {}
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        if environ.get(variable):
            values[name] = environ[variable]
        elif name in SECRETS and environ.get(variable + "_FILE"):
            values[name] = _secret(variable + "_FILE", environ[variable + "_FILE"])
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        if not found["loc"]:
            raise BadSettings(found["msg"].removeprefix("Value error, ")) from None
        name = str(found["loc"][0])
        described = Settings.model_fields[name].description
        told = found["msg"].removeprefix("Value error, ")
        raise BadSettings(f"{PREFIX}{name.upper()}: {told} ({described})") from None


def _secret(variable: str, path: str) -> str:
    try:
        found = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSettings(f"{variable}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{variable}: {path} is no text (UTF-8)") from None
    if not found:
        raise BadSettings(f"{variable}: {path} is empty")
    return found


def as_table() -> str:
    """The settings as a Markdown table, for the README."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path) and default.is_absolute():
            default = default.relative_to(_DEPLOY.parent)
        if isinstance(default, timedelta):
            default = format_duration(default)
        shown = "" if default is None else f"`{default}`"
        file_too = " (or `_FILE`)" if name in SECRETS else ""
        lines.append(f"| `{PREFIX}{name.upper()}`{file_too} | {shown} | {field.description} |")
    return "\n".join(lines)
