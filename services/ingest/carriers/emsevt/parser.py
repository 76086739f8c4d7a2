"""UPU EMSEVT: a retention by customs stops the clock of the transit time only where it says why.

The UPU's reason codes are on no public list, so that there is one is all that is read of it.
"""

from collections.abc import Mapping
from typing import Any, Final

from buuta.model.statuses import Reason
from services.ingest.domain.recipe import Report

HELD_BY_IMPORT_CUSTOMS: Final = "EME"


def refine(payload: Mapping[str, Any], report: Report) -> Report:
    """The report, with customs as the reason where a reason for the retention is given."""
    if report.raw_code == HELD_BY_IMPORT_CUSTOMS and report.raw_reason:
        return report._replace(reason=Reason.CUSTOMS)
    return report
