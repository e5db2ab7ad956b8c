"""A fortnight of submissions over a roster, made from a seed: lateness, silence, offline desks, repeats, boundaries,
withdrawals, dismissals.

Instants come from a grid of moments around each zone's deadlines and the quiet period's ends, so that many
submissions share one: the clock stands at each of them in turn.
"""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.e2e.malformed import malformed
from tests.e2e.oracle import VIOLATIONS, Oracle, Region
from tests.e2e.submissions import CONFLICT, Submission, incident, report, status, withdrawal

PERIODS = (date(2024, 11, 11), date(2024, 11, 18), date(2024, 11, 25))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OTHERS = ("security", "logistics", "power_internet", "polling_location", "voting_rights", "natural_disaster", "other")
CATEGORIES = (*sorted(VIOLATIONS), *OTHERS)
SHOWN_IN = tuple(map(ZoneInfo, ("UTC", "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")))

# How a desk files: (weight, received after due, written after due or None). Due is Monday 24:00, judged at + 2 h.
FILINGS: tuple[tuple[int, timedelta, timedelta | None], ...] = (
    (20, -16 * HOUR, None),  # Monday 08:00
    (16, -14 * HOUR, -15 * HOUR),
    (12, -8 * HOUR, None),
    (4, -30 * MINUTE, -3 * HOUR),
    (3, -TICK, None),
    (2, -60 * HOUR, None),  # on Saturday, for next Monday
    (2, -24 * HOUR - 5 * MINUTE, -24 * HOUR + 3 * MINUTE),  # Sunday; its clock is already in Monday, plausibly
    (3, timedelta(0), None),  # exactly at the deadline: late
    (2, timedelta(0), -TICK),
    (2, HOUR, timedelta(0)),
    (4, HOUR, None),
    (2, 2 * HOUR - TICK, None),  # late, and read before it is missed
    (3, 3 * HOUR, None),
    (4, 32 * HOUR, 30 * HOUR),
    (3, 3 * HOUR, -4 * HOUR),  # written in time, synced late
    (3, 32 * HOUR, -14 * HOUR),
    (2, 72 * HOUR - TICK, -TICK),  # the end of the offline allowance
    (2, 72 * HOUR, -TICK),
    (11, timedelta.max, None),  # silence
)
# A report is withdrawn so long after it was due (the moment of judgement and one just before it are among them), and
# something is said of an incident so long after the quiet period.
WITHDRAWALS = (
    -10 * HOUR,
    -3 * HOUR,
    -MINUTE,
    MINUTE,
    2 * HOUR - 2 * TICK,
    2 * HOUR,
    4 * HOUR,
    20 * HOUR,
    40 * HOUR,
    73 * HOUR,
)
STATUSES = (-30 * HOUR, -5 * HOUR, 5 * HOUR, 34 * HOUR)
WORDS = ("verified", "forwarded", "resolved")

OTHER_CONTENT = {
    "report": {"summary": "Isi lain."},
    "incident": {"category": "other", "description": "Isi lain."},
    "withdrawal": {"reason": "Isi lain."},
    "status": {"note": "Isi lain."},
}


class Fortnight:
    """`oracle` lends its zones and midnights only; `incidents` is how many there are for each region that owes."""

    def __init__(self, seed: int, oracle: Oracle, since: datetime, until: datetime, incidents: float = 1.0) -> None:
        self._random = random.Random(seed)
        self._oracle, self._since, self._until, self._incidents = oracle, since, until, incidents
        self._regencies = sorted(r.code for r in oracle.regions.values() if r.level == oracle.rules.level)
        self._others = sorted((r for r in oracle.regions.values() if r.level != oracle.rules.level), key=_code)
        self._serial = 0

    def submissions(self) -> list[Submission]:
        """All of them, in order of receipt; the order within one instant is random."""
        made = [s for code in self._regencies for p in PERIODS for s in self._filed(code, p)]
        made += [s for code in self._regencies for s in self._reported_incidents(code)]
        made += [s for region in self._a_few_others() for s in self._not_discharging(region)]
        made = [s for s in made if self._since <= s.at <= self._until]
        made += self._repeats(made)
        first = self._random.choice(self._regencies)
        made += malformed(min(s.at for s in made), first)
        self._random.shuffle(made)
        return sorted(made, key=lambda s: s.at)

    def _next_id(self, letter: str) -> str:
        self._serial += 1
        return f"{letter}-{self._serial:05d}.{self._random.choice('aZ_')}"

    def _filed(self, code: str, period: date) -> list[Submission]:
        weights = [weight for weight, *_ in FILINGS]
        _, received, written = self._random.choices(FILINGS, weights)[0]
        if received == timedelta.max:
            return []
        due = self._oracle.due(code, period)
        more = {} if written is None else {"submitted_at": self._shown(due + written)}
        filed = report(due + received, code, self._next_id("r"), **more)
        says_nothing_else = self._oracle.period_of(filed.accepted("-")) == period
        if not says_nothing_else or self._random.random() < 0.4:
            filed = report(due + received, code, filed.id, **more, period=period)
        filed = dataclasses.replace(filed, id_in_header=self._random.random() < 0.1)
        wrong_clocks = [*self._clock_ahead(code, period), *self._clock_absurd(code, period)]
        counting = [filed, *self._corrected(filed, code, period)]
        return [*counting, *wrong_clocks, *self._withdrawn(counting, code, period)]

    def _corrected(self, filed: Submission, code: str, period: date) -> list[Submission]:
        """The agency's own correction, two hours later: history is kept, so it changes no verdict."""
        if self._random.random() > 0.06:
            return []
        more = {"period": period, "replaces": filed.id, "condition": "attention"}
        return [report(filed.at + 2 * HOUR, code, self._next_id("c"), **more)]

    def _withdrawn(self, filed: list[Submission], code: str, period: date) -> list[Submission]:
        """One of the reports is withdrawn, each time at a moment of its own: which of two that are received at one
        instant comes first is nobody's to say. Then another report may come, and be withdrawn as well."""
        found: list[Submission] = []
        due = self._oracle.due(code, period)
        while self._random.random() < 0.2:
            meant = self._random.choice([s for s in (*filed, *found) if s.kind == "report"])
            taken = {s.at for s in (*filed, *found)}
            free = sorted(due + after for after in WITHDRAWALS if due + after not in taken)
            later = [at for at in free if at > meant.at]
            # One in ten is sent ahead of its report, as if that had been answered 503; some mean no report at all.
            at = self._random.choice(free if self._random.random() < 0.1 or not later else later)
            about = meant.id if self._random.random() < 0.95 else self._next_id("unknown")
            found.append(withdrawal(at, code, self._next_id("w"), about, period))
            again = [other for other in free if other > at]
            if again and self._random.random() < 0.5:
                found.append(report(self._random.choice(again), code, self._next_id("n"), period=period))
        return found

    def _clock_ahead(self, code: str, period: date) -> list[Submission]:
        """On Sunday, from a device whose clock says Monday 20 minutes too early: it is not believed."""
        if self._random.random() > 0.02:
            return []
        monday = self._oracle.midnight(code, period)
        ahead = self._shown(monday + 3 * MINUTE)
        return [report(monday - 20 * MINUTE, code, self._next_id("a"), submitted_at=ahead)]

    def _clock_absurd(self, code: str, period: date) -> list[Submission]:
        """On Saturday, from a device whose clock shows another year or a day too far: taken, and not believed."""
        if self._random.random() > 0.02:
            return []
        at = self._oracle.midnight(code, period) - 36 * HOUR
        shown = self._random.choice([EPOCH, EPOCH.replace(year=2010), at + 30 * HOUR, EPOCH.replace(year=2099)])
        return [report(at, code, self._next_id("w"), submitted_at=self._shown(shown))]

    def _a_few_others(self) -> list[Region]:
        return self._random.sample(self._others, min(len(self._others), 60))

    def _not_discharging(self, region: Region) -> list[Submission]:
        """From a village, a district or the province: counted there, and no report of the regency."""
        at = self._oracle.due(region.code, self._random.choice(PERIODS)) - 14 * HOUR
        return [report(at, region.code, self._next_id("v")), *self._reported_incidents(region.code)]

    def _reported_incidents(self, code: str) -> list[Submission]:
        many = int(self._incidents + self._random.random())
        made = [self._one_incident(code) for _ in range(many)]
        return [*made, *(s for incident in made for s in self._said_of(incident, code))]

    def _said_of(self, incident: Submission, code: str) -> list[Submission]:
        """What the agency says of it later, or too early, or of one elsewhere, or of one that nobody knows."""
        end = self._oracle.midnight(code, self._oracle.rules.quiet_to + DAY)
        moments = [at for after in STATUSES if (at := end + after) != incident.at]
        later = [at for at in moments if at > incident.at]
        found = []
        for at in sorted(self._random.sample(moments, len(moments))):
            if self._random.random() > (0.25 if at in later else 0.02):
                continue
            chance = self._random.random()
            where = self._random.choice(self._regencies) if chance < 0.1 else code
            about = self._next_id("unknown") if 0.1 < chance < 0.15 else incident.id
            said = "dismissed" if self._random.random() < 0.6 else self._random.choice(WORDS)
            found.append(status(at, where, self._next_id("s"), about, said))
        return found

    def _one_incident(self, code: str) -> Submission:
        rules = self._oracle.rules
        begin = self._oracle.midnight(code, rules.quiet_from)
        end = self._oracle.midnight(code, rules.quiet_to + DAY)
        edges = [begin - TICK, begin, begin + TICK, end - TICK, end, end + TICK]
        received = self._random.choice([begin - 5 * DAY, *edges, begin + 32 * HOUR, end + 33 * HOUR])
        earlier = [received, received - HOUR, received - 3 * DAY, *(e for e in edges if e <= received)]
        occurred = self._shown(self._random.choice(earlier))
        return incident(received, code, self._next_id("i"), self._random.choice(CATEGORIES), occurred)

    def _shown(self, instant: datetime) -> datetime:
        """The same instant, written in some offset."""
        return instant.astimezone(self._random.choice(SHOWN_IN))

    def _repeats(self, made: list[Submission]) -> list[Submission]:
        """The same again, at once or later; and the same id with other content, later."""
        instants = sorted({s.at for s in made})
        found = []
        for sent in made:
            chance = self._random.random()
            later = [at for at in instants if at > sent.at]
            if chance < 0.02:
                found.append(sent)
            elif chance < 0.06 and later:
                found.append(dataclasses.replace(sent, at=self._random.choice(later)))
            elif chance < 0.08 and later:
                found.append(_other_content(dataclasses.replace(sent, at=self._random.choice(later))))
        return found


def _other_content(sent: Submission) -> Submission:
    return dataclasses.replace(sent, body={**sent.body, **OTHER_CONTENT[sent.kind]}, expected=CONFLICT)


def _code(region: Region) -> str:
    return region.code
