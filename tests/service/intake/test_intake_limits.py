"""Limits at the door: how much an agency may send, how much may be under way, and what whoever is refused is told."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.intake.accepting.places import Places
from services.intake.door import rate_limits
from shared.access.keys import Grant, Kind, Role
from shared.http.problems import Problem, render
from shared.kafka.producer import PublishFailed
from tests.service.intake.conftest import MOST_IN_FLIGHT, Answer, Intake

REPORT = {"region": "64.72", "condition": "normal", "summary": "Aman dan terkendali."}
SHARE = MOST_IN_FLIGHT // 4
BOTH = frozenset({Kind.REPORTS.value, Kind.INCIDENTS.value})
RUSH, CALM = "2024-11-18T22:00:00+08:00", "2024-11-20T10:00:00+08:00"


@pytest.fixture
def limited(intake: Intake) -> Intake:
    """An intake that knows the keys `three` (3 events a minute) and `a0` ... `a9`, each of an agency of its own."""
    intake.keys.give("three", Grant("three", "three-desk", BOTH, ("*",), events_per_minute=3))
    for n in range(10):
        intake.keys.give(f"a{n}", Grant(f"a{n}", f"agency-{n}", BOTH, ("*",)))
    intake.clock.set(CALM)
    return intake


def turned_away(intake: Intake) -> dict[str, float]:
    """How many were refused for load, by reason."""
    exposition = intake.metrics.render()[0].decode()
    found = re.findall(r'desk_turned_away_total{reason="(\w+)"} (\S+)', exposition)
    return {reason: float(number) for reason, number in found if float(number)}


def gauge(intake: Intake, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", intake.metrics.render()[0].decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def test_beyond_its_rate_an_agency_is_told_when_to_come_back(limited: Intake) -> None:
    """The fourth event of a minute is refused with the seconds left; another agency's and another key's are not."""
    limited.keys.give("its-other-key", Grant("other", "three-desk", BOTH, ("*",), events_per_minute=3))
    statuses = [(await limited.post("/v1/reports", REPORT, key="three")).status for _ in range(3)]
    refused = await limited.post("/v1/reports", REPORT, key="its-other-key")
    assert statuses == [202, 202, 202]
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.body["type"] == "urn:desk-pilkada:problem:too_many_requests"
    assert (await limited.post("/v1/reports", REPORT, key="a1")).status == 202
    assert turned_away(limited) == {"rate": 1}
    assert len(limited.kafka.records) == 4


async def test_a_person_does_not_count_as_the_agency_of_that_name(limited: Intake) -> None:
    """Whoever may only look, called as an agency is, must not use up what that agency may send."""
    limited.keys.give("looks", Grant("three-desk", role=Role.VIEWER, events_per_minute=3))
    for _ in range(4):
        await limited.post("/v1/reports", REPORT, key="looks")
    assert (await limited.post("/v1/reports", REPORT, key="three")).status == 202


@pytest.mark.parametrize(
    ("at", "accepted"), [(CALM, 3), (RUSH, 15)], ids=["on an ordinary day", "hours before the deadline"]
)
async def test_around_a_deadline_everybody_may_send_more(limited: Intake, at: str, accepted: int) -> None:
    """In the rush a rate counts five times, also one of an agency's own."""
    limited.clock.set(at)
    statuses = [(await limited.post("/v1/reports", REPORT, key="three")).status for _ in range(20)]
    assert statuses == [202] * accepted + [429] * (20 - accepted)


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        ([b"{}"], {"content-type": "text/plain"}),
        ([b"x" * 100_000], {"content-type": "application/json"}),
        ([b"no json"], {"content-type": "application/json"}),
    ],
    ids=["wrong type", "too large", "no JSON"],
)
async def test_the_rate_is_asked_before_the_body_is_looked_at(
    limited: Intake, chunks: list[bytes], headers: dict[str, str]
) -> None:
    """401 comes first, then 429: what is refused for its rate costs us no reading."""
    for _ in range(3):
        await limited.post("/v1/reports", REPORT, key="three")
    auth = {"authorization": "Bearer three"}
    assert (await limited.call("POST", "/v1/reports", chunks, headers)).status == 401
    assert (await limited.call("POST", "/v1/reports", chunks, {**headers, **auth})).status == 429


async def test_every_call_that_sends_is_counted(limited: Intake) -> None:
    """Single calls of all kinds and dry runs share one allowance."""
    incident = {"region": "64.72", "category": "security", "occurred_at": "2024-11-19T10:00:00+08:00"}
    assert (await limited.post("/v1/reports?dry_run=1", REPORT, key="three")).status == 202
    assert (await limited.post("/v1/incidents", {**incident, "description": "x"}, key="three")).status == 202
    assert (await limited.post("/v1/reports/none/withdraw", {}, key="three")).status == 422
    assert (await limited.post("/v1/logistics", {}, key="three")).status == 429


async def test_keys_that_nobody_knows_leave_nothing_behind(limited: Intake) -> None:
    """A flood of made-up keys is refused, counts against nobody, and no limit remembers it."""
    for n in range(50):
        assert (await limited.post("/v1/reports", REPORT, key=f"made-up-{n}")).status == 401
    storage = limited.door.limits._limiter.storage
    assert not storage.storage  # type: ignore[attr-defined] # the library's storage in memory
    await asyncio.sleep(0)
    assert not limited.door.turnstile._queues


async def test_counting_starts_no_thread_and_keeps_one_counter(limited: Intake) -> None:
    """The library would sweep its memory by a thread at nearly every hit; there is nothing to sweep."""
    threads = threading.active_count()
    for _ in range(500):
        limited.door.limits.admit(Grant("g", "g"), limited.clock.now())
    assert threading.active_count() == threads
    storage = limited.door.limits._limiter.storage
    assert len(storage.storage) == 1  # type: ignore[attr-defined]


@asynccontextmanager
async def waiting(intake: Intake, counts: dict[str, int]) -> AsyncIterator[list[asyncio.Task[Answer]]]:
    """So many posts of each key, all of them waiting for Kafka; answered at the end."""
    gate, arrived, publish = asyncio.Event(), asyncio.Semaphore(0), intake.kafka.publish

    async def hanging(*record: Any) -> None:
        arrived.release()
        await gate.wait()
        await publish(*record)

    intake.kafka.publish = hanging  # type: ignore[assignment]
    posts = [
        asyncio.create_task(intake.post("/v1/reports", {**REPORT, "id": f"{key}-{n}"}, key=key))
        for key, count in counts.items()
        for n in range(count)
    ]
    async with asyncio.timeout(5):
        for _ in posts:
            await arrived.acquire()
    try:
        yield posts
    finally:
        gate.set()
        await asyncio.gather(*posts)


async def test_an_agency_takes_no_more_than_its_share(limited: Intake) -> None:
    """With a quarter of all places taken it is refused (429), while others get theirs; answers give places back."""
    async with waiting(limited, {"a0": SHARE, "a1": 1}) as posts:
        refused = await limited.post("/v1/reports", REPORT, key="a0")
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert gauge(limited, "desk_in_flight_events") == SHARE + 1
        assert gauge(limited, "desk_in_flight_bytes") > (SHARE + 1) * len(REPORT["summary"])
    assert {post.result().status for post in posts} == {202}
    assert (await limited.post("/v1/reports", REPORT, key="a0")).status == 202
    assert turned_away(limited) == {"agency_share": 1}
    assert gauge(limited, "desk_in_flight_events") == gauge(limited, "desk_in_flight_bytes") == 0


async def test_when_all_places_are_taken_everybody_waits(limited: Intake) -> None:
    """A Kafka that hangs keeps the memory flat: beyond the bound an event is turned away at once (503)."""
    async with waiting(limited, {f"a{n}": SHARE for n in range(4)}) as posts:
        refused = await limited.post("/v1/reports", REPORT, key="a9")
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) >= 1
    assert {post.result().status for post in posts} == {202}
    assert (await limited.post("/v1/reports", REPORT, key="a9")).status == 202
    assert turned_away(limited) == {"all_places": 1}


async def test_what_kafka_does_not_confirm_is_counted(limited: Intake) -> None:
    """A 503 without a confirmation stands beside those of full places, and gives its place back."""
    limited.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    refused = await limited.post("/v1/reports", REPORT, key="a0")
    assert (refused.status, int(refused.headers["retry-after"]) >= 1) == (503, True)
    assert turned_away(limited) == {"not_confirmed": 1}
    assert gauge(limited, "desk_in_flight_events") == 0


@pytest.mark.parametrize(
    ("size", "free", "why"),
    [(100, 900, None), (250, 900, "agency_share"), (100, 50, "all_places")],
    ids=["fits", "beyond the agency's share", "beyond all places"],
)
def test_places_are_bounded_in_bytes(size: int, free: int, why: str | None) -> None:
    """Few large events are as much as many small ones."""
    places = Places(most_events=100, most_bytes=1_000)
    with places.hold("small", 10), places.hold("others", 1_000 - free - 10):
        assert places.why_not("small", size) == why
    assert (places.taken.events, places.taken.size, places._taken_by) == (0, 0, {})


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("language", ["id", "en"])
async def test_every_refusal_for_load_says_when_and_what(limited: Intake, status: int, language: str) -> None:
    """`Retry-After` is a whole number of seconds, at least one; the text tells what to do, in both languages."""
    for _ in range(3):
        await limited.post("/v1/reports", REPORT, key="three")
    limited.kafka.fails_with = PublishFailed("away")
    key = "three" if status == 429 else "a0"
    answer = await limited.post("/v1/reports", REPORT, key=key, headers={"accept-language": language})
    assert answer.status == status
    assert int(answer.headers["retry-after"]) >= 1
    what = {"id": "lagi dengan id yang sama", "en": "again with the same id"}[language]
    assert what in answer.body["detail"]


@pytest.mark.parametrize("status", [429, 503])
def test_no_refusal_for_load_is_without_retry_after(status: int) -> None:
    """Whoever raises one and forgets it."""
    answer = render(Problem(status, "unavailable", "unavailable_database"), "en")
    assert int(answer.headers["retry-after"]) >= 1


async def test_whoever_needs_no_key_waits_in_a_queue_too(limited: Intake) -> None:
    """Forty who ask for pages, with keys or without, are ahead of no agency, no clerk at the form, and no probe."""
    for key in ("a1", "a2"):
        assert (await limited.post("/v1/reports", {**REPORT, "id": key}, key=key)).status == 202
    done: list[str] = []

    async def ask(who: str, method: str, path: str, key: str | None = None, clerk: str | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {"cookie": f"desk-key={clerk}"} if clerk else {}
        await limited.call(method, path, (b"",), headers)
        done.append(who)

    strangers = [ask("stranger", "GET", path) for path in ("/nope", "/asyncapi.json", "/healthz/", "/docs") * 5]
    strangers += [ask("stranger", "POST", path, "invented") for path in ("/nope", "/v1/reports?x=1") * 10]
    known = [ask("agency", "POST", "/v1/nope", "a1"), ask("clerk", "GET", "/nope", clerk="a2")]
    await asyncio.gather(*strangers, *known, ask("probe", "GET", "/healthz"))
    assert max(done.index(who) for who in ("agency", "clerk", "probe")) < 10, done


async def test_two_keys_in_one_request_are_none(limited: Intake) -> None:
    """A gateway may have looked at the other one."""
    sent = {"content-type": "application/json", "authorization": "Bearer a1"}
    twice = await limited.call("POST", "/v1/reports", (b"{}",), {**sent, "Authorization": "Bearer invented"})
    assert twice.status == 401


async def test_an_address_is_said_back_shortly_and_visibly(intake: Intake) -> None:
    """With nothing in it that would make a screen show something else."""
    for path in ("/v1/\u202e\0\x1b[2J", "/v1/" + "a" * 3_000):
        answer = await intake.post(path, {})
        assert answer.status == 404
        assert answer.body["detail"].isprintable()
        assert len(answer.raw) < 400


async def test_not_ready_says_when_to_ask_again(intake: Intake) -> None:
    """The 503 of `/readyz` has it too."""

    async def wrong() -> str | None:
        return "Kafka has not answered yet"

    intake.checks["kafka"] = wrong
    answer = await intake.call("GET", "/readyz")
    assert (answer.status, int(answer.headers["retry-after"]) >= 1) == (503, True)


async def test_a_batch_that_comes_when_the_minute_is_used_up_is_refused_whole(limited: Intake) -> None:
    """At once, and told when to come back. Empty ones count as well, or a flood of them would cost nobody anything."""
    media_type = {"content-type": "application/x-ndjson"}
    line = json.dumps({**REPORT, "kind": "report"}).encode()
    empty = [await limited.post("/v1/batch", b"", "three", media_type) for _ in range(3)]
    refused = await limited.post("/v1/batch", line, "three", media_type)
    assert [answer.status for answer in (*empty, refused)] == [200, 200, 200, 429]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert limited.kafka.records == []


class TestPace:
    """The lines of a batch that has begun wait for their turn instead of being refused."""

    @pytest.fixture(autouse=True)
    def _short_windows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rate_limits, "_BATCH_WINDOW_S", 1)

    async def test_within_its_window_a_batch_does_not_wait(self, limited: Intake) -> None:
        """Three quarters of the rate pass at once."""
        grant = Grant("g", "g", events_per_minute=2_400)
        async with asyncio.timeout(0.5):
            await limited.door.limits.pace(grant, 30, limited.clock.now)

    async def test_beyond_it_the_lines_wait(self, limited: Intake) -> None:
        """Forty a second of which thirty are for batches: sixty-five lines take two windows more."""
        grant = Grant("g", "g", events_per_minute=2_400)
        began = asyncio.get_running_loop().time()
        await limited.door.limits.pace(grant, 65, limited.clock.now)
        assert 1.5 < asyncio.get_running_loop().time() - began < 4

    async def test_single_calls_get_through_beside_it(self, limited: Intake) -> None:
        """A large batch leaves a quarter of each window for its own agency's single calls."""
        grant = Grant("g", "g", events_per_minute=2_400)
        pacing = asyncio.create_task(limited.door.limits.pace(grant, 10_000, limited.clock.now))
        await asyncio.sleep(0.1)
        for _ in range(10):
            limited.door.limits.admit(grant, limited.clock.now())
        assert not pacing.done()
        pacing.cancel()

    async def test_nobody_waits_for_ever(self, limited: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nothing could pass for longer than a minute, the batch is refused as a single call is."""
        monkeypatch.setattr(rate_limits, "LONGEST_PACE_S", 0.1)
        grant = Grant("g", "g", events_per_minute=1)
        limited.door.limits.admit(grant, limited.clock.now())
        monkeypatch.setattr(limited.door.limits, "_seconds_left", lambda *_: 0.05)
        with pytest.raises(Problem) as refused:
            await limited.door.limits.pace(grant, 1, limited.clock.now)
        assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
        assert turned_away(limited) == {"batch_rate": 1}
