"""GHTK (Giao Hàng Tiết Kiệm): form or JSON webhooks.

Two tables: 123, 127 and 128 are status ids and also reason codes. 6 and 11 settle money and are no
movement. 123, 127, 128, 45, 49 and 410 are what the courier reports and the carrier has not
confirmed. 8, 10, 128 and 410 are delays: 10 and 410 hold the parcel and are no failed attempt.
"""

from collections.abc import Mapping
from typing import Any

from buuta.model.statuses import Reason, Status
from buuta.model.times import parse_iso
from services.ingest.domain.fields import text
from services.ingest.domain.recipe import NO_MOVEMENT, CodeRow, Recipe, Report

CODES = {
    "-1": CodeRow(Status.CANCELLED),
    "1": CodeRow(Status.INFO_RECEIVED),
    "2": CodeRow(Status.INFO_RECEIVED),
    "3": CodeRow(Status.ACCEPTED),
    "4": CodeRow(Status.OUT_FOR_DELIVERY),
    "5": CodeRow(Status.DELIVERED),
    "6": NO_MOVEMENT,
    "7": CodeRow(Status.PICKUP_FAILED),
    "8": CodeRow(Status.PICKUP_FAILED),
    "9": CodeRow(Status.ATTEMPT_FAILED),
    "10": CodeRow(Status.HELD),
    "11": NO_MOVEMENT,
    "12": CodeRow(Status.PICKUP_IN_PROGRESS),
    "13": CodeRow(Status.COMPENSATED),
    "20": CodeRow(Status.RETURNING),
    "21": CodeRow(Status.RETURNED),
    "123": CodeRow(Status.ACCEPTED, provisional=True),
    "127": CodeRow(Status.PICKUP_FAILED, provisional=True),
    "128": CodeRow(Status.PICKUP_FAILED, provisional=True),
    "45": CodeRow(Status.DELIVERED, provisional=True),
    "49": CodeRow(Status.ATTEMPT_FAILED, provisional=True),
    "410": CodeRow(Status.HELD, provisional=True),
}

REASONS = {
    "100": Reason.RESCHEDULE_REQUESTED,
    "101": Reason.NO_CONTACT,
    "102": Reason.OTHER,
    "103": Reason.ADDRESS_INCOMPLETE_OR_WRONG,
    "104": Reason.RESCHEDULE_REQUESTED,
    "105": Reason.CARRIER_OVERLOAD,
    "106": Reason.WEATHER,
    "107": Reason.OTHER,
    "110": Reason.OUT_OF_AREA,
    "111": Reason.NOT_ACCEPTED_GOODS,
    "112": Reason.PARTNER_CANCELLED,
    "113": Reason.RESCHEDULE_LIMIT,
    "114": Reason.OTHER,
    "115": Reason.PARTNER_CANCELLED,
    "120": Reason.CARRIER_OVERLOAD,
    "121": Reason.RESCHEDULE_REQUESTED,
    "122": Reason.NO_CONTACT,
    "123": Reason.RESCHEDULE_REQUESTED,
    "124": Reason.ADDRESSEE_MOVED,
    "125": Reason.ADDRESS_INCOMPLETE_OR_WRONG,
    "126": Reason.WEATHER,
    "127": Reason.OTHER,
    "128": Reason.RESCHEDULE_REQUESTED,
    "129": Reason.LOST,
    "1200": Reason.WRONG_PHONE,
    "130": Reason.REFUSED,
    "131": Reason.NO_CONTACT,
    "132": Reason.RESCHEDULE_LIMIT,
    "133": Reason.PARTNER_CANCELLED,
    "134": Reason.OTHER,
    "135": Reason.PARTNER_CANCELLED,
    "140": Reason.RESCHEDULE_REQUESTED,
    "141": Reason.NO_CONTACT,
    "142": Reason.ADDRESSEE_ABSENT,
    "143": Reason.RESCHEDULE_REQUESTED,
    "144": Reason.OTHER,
}


def parse(payload: Mapping[str, Any]) -> Report:
    """Read a webhook body, form or JSON.

    The free text `reason` is not read: couriers type into it.

    Raises:
        BadItem: a missing or malformed field.
    """
    return Report(
        number=text(payload, "label_id"),
        raw_code=text(payload, "status_id"),
        time=parse_iso(text(payload, "action_time")),
        raw_reason=text(payload, "reason_code", ""),
    )


RECIPE = Recipe(format="ghtk", version="1", codes=CODES, parse=parse, reasons=REASONS)
