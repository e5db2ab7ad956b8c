"""Why an attempt failed, told to people. Pure.

A stored problem is for programs: a status or the name of an error, or one of ours, which the part before its colon
tells from all others. Ours alone are sentences, and have a text in each language.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.texts import Language, text

GIVEN_UP = "given up: the receiver has not answered since it was to be told"
DISABLED = "receiver disabled"
REFUSED = "refused"
NOT_ENDED = "an earlier attempt has not ended"
NOT_SENT = "not sent"

# What stands before the colon of one of ours -> its text in deliveries.yaml.
TEXTS: Mapping[str, str] = {
    "given up": "problem.given_up",
    DISABLED: "problem.disabled",
    REFUSED: "problem.refused",
    NOT_ENDED: "problem.not_ended",
    NOT_SENT: "problem.not_sent",
}


def in_words(problem: str, language: Language) -> str:
    """A stored problem as it is told; as it is if it is none of ours."""
    ours, _, more = problem.partition(": ")
    key = TEXTS.get(ours)
    return problem if key is None else text("deliveries", key, language, more=in_words(more, language))
