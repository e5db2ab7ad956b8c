"""Of what somebody is told: by rule, region, severity and stage, as receivers and routes of the receivers file select.

Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from services.notifier import rules
from services.notifier.rules import RULES
from services.notifier.rules.rule import Severity
from shared.access.keys import EVERYWHERE
from shared.election.calendar import Calendar
from shared.election.frozen import Frozen
from shared.election.roster import is_within
from shared.election.stages import stages_at
from shared.events.envelope import SYSTEM
from shared.strict import RegionCode, Slug

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Concern:
    """What of an alert decides who is told of it. It is the same all its life, so that an end goes to whoever got the
    alarm: `stages` are those its region was in when it was first raised."""

    rule: str
    region: str
    severity: Severity
    stages: frozenset[str] = frozenset()


def concern_of(alert: Document, calendar: Calendar) -> Concern:
    region = alert["region"]
    stages = stages_at(calendar, region, alert["raised_at"])
    return Concern(alert["rule"], region, rules.severity_of(alert), stages)


def _severity(word: Any) -> Severity:
    found = next((s for s in Severity if word in (s, s.word)), None)
    if found is None:
        raise ValueError(f"{word!r} is no severity; the severities are {', '.join(s.word for s in Severity)}")
    return found


def _known(rule: str) -> str:
    if rule not in RULES:
        raise ValueError(f"{rule!r} is no rule; the rules are {', '.join(RULES)}")
    return rule


SeverityWord = Annotated[Severity, BeforeValidator(_severity)]
RuleName = Annotated[str, AfterValidator(_known)]


class Selection(Frozen):
    """`rules` in `regions` (subtrees), of `severities`, raised in `stages`: all of them where nothing is said."""

    regions: tuple[RegionCode | Literal["*"], ...] = (EVERYWHERE,)
    rules: tuple[RuleName, ...] = RULES
    severities: Annotated[tuple[SeverityWord, ...], Field(min_length=1)] = tuple(Severity)
    stages: Annotated[tuple[Slug, ...], Field(min_length=1)] | None = None

    @property
    def is_of_its_own(self) -> bool:
        """Whether anything of it was written down."""
        return not self.model_fields_set.isdisjoint(Selection.model_fields)

    def wants(self, concern: Concern) -> bool:
        """What concerns the system itself concerns everyone, wherever they are."""
        return (
            concern.rule in self.rules
            and concern.severity in self.severities
            and (self.stages is None or not concern.stages.isdisjoint(self.stages))
            and (concern.region == SYSTEM or self.covers(concern.region))
        )

    def covers(self, region: str) -> bool:
        return any(r == EVERYWHERE or is_within(region, r) for r in self.regions)
