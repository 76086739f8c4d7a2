"""GHTK (Giao Hàng Tiết Kiệm): form or JSON webhooks.

Two tables: 123, 127 and 128 are status ids and also reason codes. 6 and 11 settle money and are no
movement. 123, 127, 128, 45, 49 and 410 are what the courier reports and the carrier has not
confirmed. 8, 10, 128 and 410 are delays: 10 and 410 hold the parcel and are no failed attempt.
"""

from collections.abc import Mapping
from typing import Any

from buuta.model.times import parse_iso
from services.ingest.domain.fields import text
from services.ingest.domain.recipe import Report


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
