"""GHN (Giao Hàng Nhanh): what its table cannot say.

Only `Type` create and switch_status report a movement; update_weight, update_cod and update_fee
repeat the present status and make no scan. Types are compared without case: the sample writes
`create`, the list `Create`; who forwards a webhook often leaves it out, and then the status is what is reported.

How a parcel was handed over is not said: the fee `StationDO` is "pickup fee at station" on GHN's page, where pickup
is at the sender, and public code labels it as dropping off at a point.
"""

from collections.abc import Mapping
from typing import Any, Final

from buuta.errors import BadItem
from services.ingest.domain.fields import text
from services.ingest.domain.recipe import Report

MOVEMENTS: Final = {"", "create", "switch_status"}
UPDATES: Final = {"update_weight", "update_cod", "update_fee"}


def refine(payload: Mapping[str, Any], report: Report) -> Report | None:
    """None for the types that repeat a status.

    Raises:
        BadItem: a `Type` that no list has.
    """
    kind = text(payload, "Type", "").casefold()
    if kind in UPDATES:
        return None
    if kind not in MOVEMENTS:
        raise BadItem("type_unknown", "Type must be create, switch_status or update_…", "Type")
    return report
