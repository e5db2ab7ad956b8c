"""What holds of a report that another submission speaks of: the one it corrects or withdraws."""

from __future__ import annotations

from datetime import date

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import WrongFields
from shared.events.report import ReportEvent
from shared.field_errors import FieldError

# The field that means a report -> what is wrong with a period that is not that report's.
_OTHER_PERIOD = {"report": "meant_other_period", "replaces": "correction_other_period"}


def checked(meant: Fingerprint, field: str, region: str, period: date | None) -> Fingerprint:
    """What was accepted under the id in `field`, if it is a report of the same region, and of the period where one is
    said. Raises WrongFields."""
    if meant.type != ReportEvent.type_name():
        raise WrongFields([FieldError(field, "meant_no_report")])
    wrong = []
    if meant.region != region:
        wrong.append(FieldError("region", "meant_other_region", region=meant.region))
    if period not in (None, meant.period):
        wrong.append(FieldError("period", _OTHER_PERIOD[field], period=str(meant.period)))
    if wrong:
        raise WrongFields(wrong)
    return meant
