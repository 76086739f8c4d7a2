"""GHN (Giao Hàng Nhanh): what its table cannot say.

Only `Type` create and switch_status report a movement; update_weight, update_cod, update_fee,
update_payment_type and cod repeat the present status and make no scan. update_partial_return does too, but of a
parcel that was delivered it says that a part goes back, which may be said nowhere else. Types are compared without
case: the sample writes `create`, the list `Create`; who forwards a webhook often leaves it out, and then the status
is what is reported.

The part that goes back has the number of the whole and `_PR` behind it, as public code has it.

How a parcel was handed over is not said: the fee `StationDO` is "pickup fee at station" on GHN's page, where pickup
is at the sender, and public code labels it as dropping off at a point.
"""

from collections.abc import Mapping
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.identifiers import one_spelling
from buuta.model.shapes import PART
from services.ingest.domain.codes import folded
from services.ingest.domain.fields import text
from services.ingest.domain.recipe import Report

MOVEMENTS: Final = {"", "create", "switch_status"}
PARTIAL: Final = "update_partial_return"
UPDATES: Final = {"update_weight", "update_cod", "update_fee", "update_payment_type", "cod", PARTIAL}
DELIVERED: Final = "delivered"


def refine(payload: Mapping[str, Any], report: Report) -> Report | None:
    """The report, of a part with the number of its whole; None for the types that repeat a status.

    Raises:
        BadItem: a `Type` that no list has.
    """
    kind = text(payload, "Type", "").casefold()
    says_partial = kind == PARTIAL and report.partial_return and folded(report.raw_code) == DELIVERED
    if kind in UPDATES and not says_partial:
        return None
    if kind not in MOVEMENTS | UPDATES:
        raise BadItem("type_unknown", "Type must be create, switch_status, cod or update_…", "Type")
    return _of_its_whole(report)


def _of_its_whole(report: Report) -> Report:
    number = one_spelling(report.number)
    whole = number.removesuffix(PART)
    return report if whole == number else report._replace(partial_return=False, linked_number=whole)
