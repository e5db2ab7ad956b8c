"""What holds of a report that another submission speaks of: the one it corrects or withdraws."""

from __future__ import annotations

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import WrongFields
from shared.events.report import ReportEvent
from shared.field_errors import FieldError


def checked(meant: Fingerprint, field: str, region: str) -> Fingerprint:
    """What was accepted under the id in `field`, if it is a report of the same region. Raises WrongFields."""
    if meant.type != ReportEvent.type_name():
        raise WrongFields([FieldError(field, "meant_no_report")])
    if meant.region != region:
        raise WrongFields([FieldError("region", "meant_other_region", region=meant.region)])
    return meant
