"""GHN (Giao Hàng Nhanh): what its table cannot say.

Only `Type` create and switch_status report a movement; update_weight, update_cod and update_fee
repeat the present status and make no scan. Types are compared without case: the sample writes
`create`, the list `Create`. There is no public list of reason codes, so a reason is `unknown`.
"""

from collections.abc import Mapping
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.statuses import DeliveryMode
from services.ingest.domain.fields import text
from services.ingest.domain.recipe import Report

MOVEMENTS: Final = {"create", "switch_status"}
UPDATES: Final = {"update_weight", "update_cod", "update_fee"}


def refine(payload: Mapping[str, Any], report: Report) -> Report | None:
    """None for the types that repeat a status.

    Raises:
        BadItem: a `Type` that no list has.
    """
    kind = text(payload, "Type").lower()
    if kind in UPDATES:
        return None
    if kind not in MOVEMENTS:
        raise BadItem("type_unknown", "Type must be create, switch_status or update_…", "Type")
    return report._replace(mode=_mode(payload) if report.raw_code == "delivered" else None)


def _mode(payload: Mapping[str, Any]) -> DeliveryMode | None:
    """A fee for handing out at a station says that the parcel was collected at one."""
    fee = payload.get("Fee")
    station = fee.get("StationDO") if isinstance(fee, Mapping) else None
    return DeliveryMode.POINT if isinstance(station, int | float) and station > 0 else None
