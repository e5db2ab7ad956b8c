"""TCP ports on 127.0.0.1."""

import random
import socket
from pathlib import Path

from desk.stack.errors import StackError

HOST = "127.0.0.1"
LOWEST = 15_000
USUAL_EPHEMERAL_LOW = 32_768
ATTEMPTS = 1_000


def free_ports(count: int, port_base: int | None = None) -> tuple[int, ...]:
    """`count` different free ports: base, base+1, ... if `port_base` is given, else ports picked at random.

    Random ones lie below the range from which the system takes the source ports of outgoing connections. A
    port from that range may be taken while its broker restarts, even by a client that meets itself there.

    Raises StackError naming the port that is taken or out of range.
    """
    if port_base is None:
        return _pick(count)
    ports = tuple(range(port_base, port_base + count))
    for port in ports:
        require_free(port, "choose another port base")
    return ports


def require_free(port: int, advice: str) -> None:
    """Raises StackError naming the port if nothing could listen there now."""
    if not 1 <= port <= 65_535:
        raise StackError(f"port {port} is out of range: {advice}")
    if not _is_free(port):
        raise StackError(f"port {port} on {HOST} is taken or not allowed: {advice}")


def _pick(count: int) -> tuple[int, ...]:
    candidates = random.SystemRandom().sample(range(LOWEST, _ephemeral_low()), ATTEMPTS)
    ports: list[int] = []
    for port in candidates:
        if len(ports) == count:
            break
        if _is_free(port):
            ports.append(port)
    if len(ports) < count:
        raise StackError(f"no {count} free ports on {HOST} below the ephemeral range")
    return tuple(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections of a killed predecessor that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _ephemeral_low() -> int:
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_EPHEMERAL_LOW
    return low if low >= LOWEST + ATTEMPTS else USUAL_EPHEMERAL_LOW
