"""The pure parts of the local stack."""

import re
import socket
import struct

import pytest

from desk.stack import brokers, kafka_jars, mongod
from desk.stack.errors import StackError
from desk.stack.kafka import cluster_id
from desk.stack.kafka_probe import Metadata, parse_metadata
from desk.stack.ports import free_ports


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25" 2025-09-16', 25),
        ("The operation couldn't be completed.", None),
    ],
)
def test_java_version(output: str, version: int | None) -> None:
    """The major version is read from every way in which Java has printed it."""
    assert kafka_jars.parse_java_version(output) == version


def test_missing_library_names_the_package() -> None:
    """A missing library is named together with the Debian package that holds it."""
    stderr = (
        "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: "
        "No such file or directory"
    )
    reason = mongod.explain_failure(stderr)
    assert "libcurl.so.4" in reason
    assert "libcurl4" in reason.replace("libcurl.so.4", "")
    assert "libssl3" in mongod.explain_failure(stderr.replace("libcurl.so.4", "libcrypto.so.3"))
    assert "libm.so.9" in mongod.explain_failure(stderr.replace("libcurl.so.4", "libm.so.9"))
    assert mongod.explain_failure("Illegal instruction\n").endswith("Illegal instruction")


def test_taken_port_is_named() -> None:
    """With a base, the port that is taken is named, and one that there is not."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        number = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {number} "):
            free_ports(1, number)
    with pytest.raises(StackError, match="port 65536 "):
        free_ports(1, 65_536)


def test_random_ports_differ() -> None:
    """Ports given out together are different ones, below the range of outgoing connections."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) < 32_768


def test_cluster_ids_fit_kafka() -> None:
    """22 URL-safe characters, and never one that the storage tool would take for an option."""
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", cluster_id()) for _ in range(500))


def metadata_response(leaders: list[int]) -> bytes:
    text = struct.Struct(">h4s")
    broker = struct.pack(">i", 1) + text.pack(4, b"host") + struct.pack(">ih", 9092, -1)
    partitions = b"".join(struct.pack(">hiiiiii", 0, n, leader, 1, 1, 1, 1) for n, leader in enumerate(leaders))
    topic = struct.pack(">h", 0) + text.pack(4, b"name") + struct.pack(">bi", 0, len(leaders)) + partitions
    head = struct.pack(">iii", 7, 0, 1) + broker + text.pack(4, b"clus") + struct.pack(">ii", 1, 1)
    return head + topic


def test_metadata_counts_partitions_without_leader() -> None:
    """Brokers, topics and leaderless partitions are read from a metadata response."""
    assert parse_metadata(metadata_response([1, -1, 1])) == Metadata((9092,), ("name",), 1)


def test_cut_off_metadata_is_an_error() -> None:
    """A response that ends too early is not taken for an answer."""
    with pytest.raises(struct.error):
        parse_metadata(metadata_response([1, 1])[:-3])
    with pytest.raises(ValueError, match="another request"):
        parse_metadata(b"HTTP/1.1 400 Bad Request")


def test_unknown_choice_of_broker_is_refused() -> None:
    """A misspelt choice is an error, not a silent default."""
    with pytest.raises(StackError, match="'redpanda'"):
        brokers.choose_broker(lambda _: None, {brokers.CHOICE: "redpanda"})
