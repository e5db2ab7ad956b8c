"""One Kafka metadata request over a plain socket: does the broker answer as a broker?

Written by hand because the clients at hand are asynchronous and retry by themselves. Request and response are
version 4 of the Metadata API (https://kafka.apache.org/protocol#The_Messages_Metadata), which Apache Kafka
4.x and Tansu both speak.
"""

import socket
import struct
from dataclasses import dataclass

from desk.stack.ports import HOST

METADATA_API = 3
VERSION = 4
CORRELATION_ID = 7
CLIENT_ID = b"desk-stack"
ALL_TOPICS = -1
TIMEOUT_S = 2.0
LARGEST_RESPONSE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Metadata:
    """What a broker says of its cluster."""

    broker_ports: tuple[int, ...]
    topics: tuple[str, ...]
    leaderless: int


def why_not_ready(port: int) -> str | None:
    """None when the broker lists itself as alive and every partition has a leader, else why not yet."""
    try:
        metadata = fetch_metadata(port)
    except (OSError, struct.error, ValueError) as error:
        return f"no answer to a metadata request: {error}"
    if port not in metadata.broker_ports:
        return "the broker has not joined its cluster yet"
    if metadata.leaderless:
        return f"{metadata.leaderless} partitions have no leader yet"
    return None


def fetch_metadata(port: int) -> Metadata:
    """Raises OSError, ValueError or struct.error if no well-formed answer comes within some seconds."""
    header = struct.pack(">hhih", METADATA_API, VERSION, CORRELATION_ID, len(CLIENT_ID)) + CLIENT_ID
    request = header + struct.pack(">i?", ALL_TOPICS, False)
    with socket.create_connection((HOST, port), TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        if not 0 < size <= LARGEST_RESPONSE:
            raise ValueError(f"not a Kafka response: {size} bytes announced")
        return parse_metadata(_read(connection, size))


def parse_metadata(response: bytes) -> Metadata:
    """Raises struct.error or ValueError on anything but a version 4 Metadata response."""
    cursor = _Cursor(response)
    if cursor.int32() != CORRELATION_ID:
        raise ValueError("an answer to another request")
    cursor.int32()  # throttle time
    ports = tuple(_broker_port(cursor) for _ in range(cursor.int32()))
    cursor.string()  # cluster id
    cursor.int32()  # controller id
    topics = [_topic(cursor) for _ in range(cursor.int32())]
    return Metadata(ports, tuple(name for name, _ in topics), sum(leaderless for _, leaderless in topics))


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def int8(self) -> int:
        return self._take(">b")

    def int16(self) -> int:
        return self._take(">h")

    def int32(self) -> int:
        return self._take(">i")

    def string(self) -> str:
        """Null reads as empty."""
        length = max(0, self.int16())
        raw = self._data[self._at : self._at + length]
        self._at += length
        return raw.decode()

    def skip_int32s(self) -> None:
        for _ in range(self.int32()):
            self.int32()


def _broker_port(cursor: _Cursor) -> int:
    cursor.int32()  # node id
    cursor.string()  # host
    port = cursor.int32()
    cursor.string()  # rack
    return port


def _topic(cursor: _Cursor) -> tuple[str, int]:
    """Its name, and how many of its partitions have no leader."""
    cursor.int16()  # error
    name = cursor.string()
    cursor.int8()  # internal?
    return name, sum(not _has_leader(cursor) for _ in range(cursor.int32()))


def _has_leader(cursor: _Cursor) -> bool:
    cursor.int16()  # error
    cursor.int32()  # partition
    leader = cursor.int32()
    cursor.skip_int32s()  # replicas
    cursor.skip_int32s()  # in-sync replicas
    return leader >= 0


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("connection closed")
        data += chunk
    return bytes(data)
