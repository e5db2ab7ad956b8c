"""What `make bench` tells is computed as it says, and its load generator notices whole, broken and wrong answers."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.catching_up import SHORT, START, Reader, compared
from benchmarks.load import Connection, Load, Seen, run
from benchmarks.measure import LIMIT, OURS, Result, Row, Sample, Target, Way, at_least, at_most, interleave, table
from benchmarks.peers.bare_http import Bare
from benchmarks.running import PATHS
from desk.stack.ports import HOST

SENT = {"keys": ["k"], "regions": ["64.72", "64.01"], "connections": 3, "seconds": 0.15, "warm_up_s": 0.05}


def _way(name: str, role: str, rates: Iterator[int]) -> Way:
    async def once() -> Sample:
        return Sample(next(rates), 1.0, {"server": 0.001}, {"p99, ms": 5.0})

    return Way(name, role, once)


async def test_a_ratio_is_the_median_of_the_rounds_ratios_and_the_warm_up_counts_for_nothing() -> None:
    """Rounds with 0.5, 0.1 and 0.6 of the limit: the ratio of the medians would be another one (0.1)."""
    ways = [_way("raw", LIMIT, iter([7, 100, 1000, 1000])), _way("ours", OURS, iter([7, 50, 100, 600]))]
    raw, ours = await interleave(ways, rounds=3)
    assert (raw.ratio, ours.ratio) == (1.0, 0.5)
    assert ours.figures["events/s"] == 100
    assert ours.figures["p99, ms"] == 5.0
    assert ours.figures["CPU of server, us/event"] == pytest.approx(10.0)
    assert ours.figures["CPU ratio"] == pytest.approx(0.1)


async def test_catching_up_is_told_without_the_start_whoever_starts_how_slowly() -> None:
    """Both read 1,000 events a second and 10 us of CPU each; one of them needs nine seconds before its first."""
    filled: list[tuple[int, int]] = []

    async def fill(first: int, end: int) -> None:
        filled.append((first, end))

    def reader(name: str, start_s: float) -> Reader:
        async def catch_up(events: int) -> Sample:
            assert filled[-1][1] == events
            return Sample(events, start_s + events / 1000, {"server": start_s + events * 10e-6})

        return Reader(name, LIMIT, catch_up)

    rows = await compared([reader("quick", 1.0), reader("slow", 9.0)], fill, 50_000, 2)
    assert filled == [(0, SHORT), (SHORT, 50_000)]
    for row, start in zip(rows, (1.0, 9.0), strict=True):
        assert row.figures["events/s"] == pytest.approx(1000)
        assert row.figures["CPU of server, us/event"] == pytest.approx(10)
        assert row.figures[START] == pytest.approx(start + SHORT / 1000)


async def test_no_speed_is_told_where_the_start_takes_now_this_now_that() -> None:
    """Started in one to four seconds, and one second beyond: nobody can tell which of them was which."""
    starts = iter([1.0, 4.0, 2.0, 2.0, 2.0])

    async def fill(_first: int, _end: int) -> None:
        """There is no log."""

    async def catch_up(events: int) -> Sample:
        return Sample(events, next(starts) + (events > SHORT), {"server": events * 10e-6})

    (row,) = await compared([Reader("wavering", LIMIT, catch_up)], fill, 50_000, 2)
    assert row.ratio is None
    assert set(row.figures) == {"CPU ratio", "CPU of server, us/event", START}


def test_a_table_has_the_ratio_first_and_says_which_targets_are_missed() -> None:
    rows = [Row("raw", LIMIT, 1.0, {"events/s": 2_000.0}), Row("ours", OURS, 0.5, {"events/s": 1_000.0})]
    targets = [at_least(0.7, "of the limit", 0.5), at_most(2, "times", 1.5), at_most(1, "times", None)]
    told = table(Result("One path", "How.", rows, targets))
    assert "| way | is | ratio | events/s |" in told
    assert "| ours | ours | 0.50 | 1,000 |" in told
    assert "| at least 0.7 of the limit | 0.5 | no |" in told
    assert "| at most 2 times | 1.5 | yes |" in told
    assert "| at most 1 times | not measured | ? |" in told
    assert targets[2] == Target("at most 1 times", "not measured", None)


@pytest.mark.parametrize("name", PATHS)
def test_every_path_has_a_module(name: str) -> None:
    assert importlib.util.find_spec(f"benchmarks.{name}") is not None


@pytest.mark.parametrize(
    ("pieces", "wrong"),
    [
        pytest.param([b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"], 0, id="whole"),
        pytest.param([b"HTTP/1.1 202 Accepted\r\ncontent-le", b"ngth: 2\r\n\r\n{", b"}"], 0, id="in pieces"),
        pytest.param([b"HTTP/1.1 202 Accepted\r\nx: y\r\n\r\n2\r\n{}", b"\r\n0\r\n\r\n"], 0, id="chunked"),
        pytest.param([b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"], 1, id="refused"),
        pytest.param([b'HTTP/1.1 202 OK\r\ncontent-length: 13\r\n\r\n{"problem":1}'], 1, id="a line refused"),
    ],
)
def test_an_answer_counts_once_when_it_is_whole(pieces: list[bytes], wrong: int) -> None:
    seen = Seen()
    connection = Connection(lambda: b"", b"202", seen, is_free=False)
    for piece in pieces:
        assert not seen.took
        connection.data_received(piece)
    assert len(seen.took) == 1
    assert seen.wrong == wrong


class Hasty(Bare):
    """Ends each connection with its first answer."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._transport.close()


async def test_a_load_at_a_rate_goes_on_where_the_server_ends_connections() -> None:
    server = await asyncio.get_running_loop().create_server(Hasty, HOST, 0)
    async with server:
        port = int(server.sockets[0].getsockname()[1])
        found = await run(Load(port, "/v1/reports", per_s=100.0, **SENT), lambda: None)  # type: ignore[arg-type]
    assert found.requests > SENT["connections"]  # type: ignore[operator]
    assert found.wrong < found.requests / 2  # one that was sent while its connection was being ended is a wrong answer


async def test_a_load_at_a_rate_ends_where_nobody_is_there_any_more() -> None:
    """Or what is measured meanwhile would be told as under load."""
    async with await asyncio.get_running_loop().create_server(Hasty, HOST, 0) as server:
        port = int(server.sockets[0].getsockname()[1])
        load = Load(port, "/v1/reports", per_s=100.0, **{**SENT, "seconds": 30.0})  # type: ignore[arg-type]
        with pytest.raises(ConnectionError):  # refused, or reset by a backlog that nobody takes from any more
            async with asyncio.timeout(10):
                await run(load, server.close)


def test_a_connection_that_ends_with_a_request_unanswered_is_a_wrong_answer() -> None:
    seen = Seen()
    connection = Connection(lambda: b"", b"202", seen, is_free=False)
    connection.connection_lost(None)
    assert not seen.wrong
    connection.is_busy = True
    connection.connection_lost(None)
    assert (seen.wrong, connection.is_busy) == (1, False)


@asynccontextmanager
async def _serving() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(Bare, HOST, 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(("lines", "per_s"), [(0, None), (5, None), (0, 100.0)])
async def test_a_load_is_sent_and_counted(lines: int, per_s: float | None) -> None:
    """Singly, in batches, and at a rate."""
    begun: list[bool] = []
    async with _serving() as port:
        load = Load(port, "/v1/reports", lines=lines, per_s=per_s, **SENT)  # type: ignore[arg-type]
        found = await run(load, lambda: begun.append(True))
    assert begun == [True]
    assert not found.wrong
    assert found.requests > 0
    assert per_s is None or found.requests < per_s
