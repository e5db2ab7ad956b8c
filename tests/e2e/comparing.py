"""What the system shows, held against what the oracle says. Every function answers with the differences, in words."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

from desk.running import RunningStack
from tests.e2e.answers import Answers, Flags
from tests.e2e.calling import Caller
from tests.e2e.driving import Outcome
from tests.e2e.oracle import Oracle
from tests.e2e.oracle_beside import Beside
from tests.e2e.receiver import Receiver

MOST_SHOWN = 25
READERS = 8
SAMPLED = 20  # one event of so many
COUNTED = ("missing-report", "quiet-period-violation")  # the rules whose every notice is counted
BECAME = {"counted", "duplicate", "conflict"}


class Comparison:
    """One running stack against one oracle's answers."""

    def __init__(
        self,
        running: RunningStack,
        oracle: Oracle,
        answers: Answers,
        beside: Beside,
        outcome: Outcome,
        receiver: Receiver,
    ) -> None:
        self._aggregator = Caller(running.aggregator, running.operator_key)
        self._notifier = Caller(running.notifier, running.operator_key)
        self._oracle, self._answers, self._beside = oracle, answers, beside
        self._outcome, self._receiver = outcome, receiver
        self._counted: set[tuple[str, str]] = set()

    def differences(self) -> list[str]:
        """All of them, the cheapest first; a part that differs ends the look."""
        parts: tuple[Callable[[], list[str]], ...] = (
            self.verdicts,
            self.alerts,
            self.incidents,
            self.regions,
            self.events,
            self.notices,
        )
        for part in parts:
            if found := part():
                return [*found[:MOST_SHOWN], f"... {len(found)} in all"]
        return []

    def verdicts(self) -> list[str]:
        """Both services' lists of every period, region by region."""
        expected = {key: o.verdict for key, o in self._answers.obligations.items()}
        found = []
        for period in sorted({period for period, _ in expected}):
            wanted = {code: verdict for (p, code), verdict in expected.items() if p == period}
            judged = self._notifier.all("/v1/obligations", period=period)
            shown = self._aggregator.all(f"/v1/periods/{period}")
            found += unequal(f"notifier, verdicts of {period}", wanted, _by_region(judged))
            found += unequal(f"aggregator, verdicts of {period}", wanted, _by_region(shown))
        return found

    def alerts(self) -> list[str]:
        """Nothing less and nothing more, of all rules, at the notifier and as the aggregator heard of them."""
        missing = {name: _state(r) for name, r in self._answers.missing_alerts().items()}
        dismissed = self._answers.dismissed_alerts()
        violations = {
            name: (*_state("dismissed" if name in dismissed else None), flags)
            for name, flags in self._answers.violation_alerts().items()
        }
        found = []
        for caller, who in ((self._notifier, "notifier"), (self._aggregator, "aggregator")):
            shown = caller.all("/v1/alerts")
            by_rule = {rule: [a for a in shown if a["rule"] == rule] for rule in {a["rule"] for a in shown}}
            of_missing = by_rule.pop("missing-report", [])
            of_violation = by_rule.pop("quiet-period-violation", [])
            found += self._alerts_beside(who, by_rule)
            seen = {a["id"]: (a["state"], a["resolution"]) for a in of_missing}
            flagged = {a["id"]: (a["state"], a["resolution"], _flags(a)) for a in of_violation}
            found += unequal(f"{who}, missing reports", missing, seen)
            found += unequal(f"{who}, violations", violations, flagged)
            found += [f"{who}: an alert of another rule: {a['id']}" for others in by_rule.values() for a in others]
        return found

    def _alerts_beside(self, who: str, by_rule: dict[str, list[Mapping[str, Any]]]) -> list[str]:
        """Outages and logistics, all of them; reminders, none that should not be."""
        found = []
        for rule, wanted in (("outage", self._beside.outages()), ("logistics", self._beside.logistics())):
            seen = {a["id"]: (a["state"], a["resolution"]) for a in by_rule.pop(rule, [])}
            found += unequal(f"{who}, {rule}", wanted, seen)
        reminded = {a["id"]: a["state"] for a in by_rule.pop("report-reminder", [])}
        wanted_reminders = {name: state for name, state in self._beside.reminders().items() if name in reminded}
        return found + unequal(f"{who}, reminders", wanted_reminders, reminded)

    def incidents(self) -> list[str]:
        """What is said of unknown ones is listed too."""
        shown = self._aggregator.all("/v1/incidents")
        statuses = {(i["agency"], i["id"]): i["status"] for i in shown}
        seen = {
            (i["agency"], i["id"]): Flags(
                i["is_violation"], i["occurred_in_quiet_period"], i["reported_in_quiet_period"]
            )
            for i in shown
            if i["status"] != "orphan"
        }
        twice = [f"{len(shown) - len(statuses)} incidents are listed twice"] if len(shown) > len(statuses) else []
        found = twice + unequal("incidents", self._answers.incidents, seen)
        return found + unequal("statuses", self._answers.statuses, statuses)

    def regions(self) -> list[str]:
        """Each region's own counters and its roll-up."""
        shown = {region["code"]: region for region in self._aggregator.all("/v1/regions")}
        own = {code: _counters(region["own"]) for code, region in shown.items()}
        totals = {code: _counters(region["total"]) for code, region in shown.items()}
        wanted_own = {code: {k: n for k, n in c.items() if n} for code, c in self._answers.own.items()}
        wanted_totals = {code: {k: n for k, n in c.items() if n} for code, c in self._answers.totals.items()}
        return unequal("own counters", wanted_own, own) + unequal("roll-ups", wanted_totals, totals)

    def events(self) -> list[str]:
        """What became of everything that was accepted. What has been found counted is only sampled from then on: an
        event that stopped counting, or counted again, would show in the regions' counters too."""
        accepted = sorted({event.identity for event in self._outcome.accepted})
        known = [identity for identity in accepted if identity in self._counted]
        identities = [identity for identity in accepted if identity not in self._counted] + known[::SAMPLED]
        with ThreadPoolExecutor(READERS) as pool:
            became = list(pool.map(lambda i: self._aggregator.get(f"/v1/events/{i[0]}/{i[1]}"), identities))
        self._counted |= {i for i, b in zip(identities, became, strict=True) if _is_counted(b)}
        found = [f"{i} became {b}" for i, b in zip(identities, became, strict=True) if not _is_counted(b)]
        return found + self._promised()

    def _promised(self) -> list[str]:
        """What the first 202 of each id said of it. (A repeat without a period may be of another day.)"""
        found, seen = [], set()
        for sent, answer in self._outcome.answers:
            if answer.status == http.client.ACCEPTED and sent.id not in seen:
                seen.add(sent.id)
                told = {name: answer.body[name] for name in ("id", "region", "period")}
                event = sent.accepted("")
                period = str(self._oracle.period_of(event)) if sent.kind in ("report", "withdrawal") else None
                if told != {"id": sent.id, "region": event.region, "period": period}:
                    found.append(f"{sent} was answered {answer}")
        return found

    def notices(self) -> list[str]:
        """Each change of each alert is told once; a repeat is the same; at most one digest a province and
        judgement."""
        notices = [data for data in self._receiver.notices() if data["rule"] in COUNTED]
        told = Counter((a["id"], data["change"]) for data in notices for a in data["alerts"])
        found = unequal("told how often", self._answers.changes(), told)
        found += [f"two contents under {webhook_id}" for webhook_id in self._receiver.changed_repeats()]
        if self._receiver.bad_signatures:
            found.append(f"{self._receiver.bad_signatures} bad signatures")
        return found + self._digests()

    def _digests(self) -> list[str]:
        """Who was missing when it was judged, and nobody else; a province whose regions lie in two zones is judged
        twice."""
        count: Counter[tuple[str, str, datetime]] = Counter()
        named: set[str] = set()
        for data in self._receiver.notices():
            if (
                data["rule"] == "missing-report" and "@" in data["notice"]
            ):  # a judgement's; later ones tell what changed
                codes = [alert["region"] for alert in data["alerts"]]
                moments = {self._oracle.judged_at(code, _period(data)) for code in codes}
                if len(moments) > 1:
                    return [f"one digest of two judgements: {data['notice']}"]
                count[data["period"], codes[0].partition(".")[0], moments.pop()] += 1
                named |= {alert["id"] for alert in data["alerts"]}
        found = [f"{many} digests of {key}" for key, many in count.items() if many > 1]
        return found + [f"in one of digests and rules: {name}" for name in sorted(named ^ self._answers.missed())]


def unequal(what: str, expected: Mapping[Any, Any], seen: Mapping[Any, Any]) -> list[str]:
    keys = sorted(expected.keys() | seen.keys())
    differing = [key for key in keys if expected.get(key, "none") != seen.get(key, "none")]
    return [f"{what}: {k}: expected {expected.get(k, 'none')}, seen {seen.get(k, 'none')}" for k in differing]


def _by_region(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {row["region"]: row["verdict"] for row in rows}


def _state(resolution: str | None) -> tuple[str, str | None]:
    return ("resolved" if resolution else "firing", resolution)


def _flags(alert: Mapping[str, Any]) -> Flags:
    details = alert["details"]
    return Flags(True, details["occurred_in_quiet_period"], details["reported_in_quiet_period"])


def _counters(state: Mapping[str, Any]) -> dict[str, int]:
    """The counters of a region's state by the oracle's names, zeros left out."""
    counters = {
        "reports": state["reports"]["count"],
        "withdrawals": state["withdrawals"],
        "incidents": state["incidents"]["count"],
        "violations": state["violations"],
        "quiet_period_violations": state["quiet_period_violations"],
        **{f"category {name}": count for name, count in state["incidents"]["by_category"].items()},
    }
    return {name: count for name, count in counters.items() if count}


def _is_counted(became: Mapping[str, Any]) -> bool:
    return bool(became["counted"]) and became["status"] in BECAME


def _period(data: Mapping[str, Any]) -> date:
    return date.fromisoformat(data["period"])
