"""What a scan can say: statuses, reasons, delivery modes, and how a parcel can end.

The values are the symbols of the Avro enums in `schemas/avro/`; a test holds the two together.
"""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """The canonical status list, in the order in which a parcel usually meets them."""

    INFO_RECEIVED = "info_received"
    PICKUP_IN_PROGRESS = "pickup_in_progress"
    PICKUP_FAILED = "pickup_failed"
    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    CUSTOMS_HOLD = "customs_hold"
    HELD = "held"
    OUT_FOR_DELIVERY = "out_for_delivery"
    ATTEMPT_FAILED = "attempt_failed"
    READY_AT_POINT = "ready_at_point"
    DELIVERED = "delivered"
    RETURN_PENDING = "return_pending"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    DAMAGED = "damaged"
    LOST = "lost"
    COMPENSATED = "compensated"
    EXPIRED = "expired"


RANK: Final[dict[str, int]] = {str(status): rank for rank, status in enumerate(Status)}
"""Breaks ties: of two scans with one business time, the lower rank is folded first."""


class Reason(StrEnum):
    """Why an attempt failed, a parcel is held or goes back (Postal Law 49/2010/QH12, Art. 17)."""

    ADDRESSEE_ABSENT = "addressee_absent"
    REFUSED = "refused"
    ADDRESS_INCOMPLETE_OR_WRONG = "address_incomplete_or_wrong"
    ADDRESSEE_MOVED = "addressee_moved"
    ADDRESSEE_UNKNOWN = "addressee_unknown"
    NO_CONTACT = "no_contact"
    RESCHEDULE_REQUESTED = "reschedule_requested"
    RESCHEDULE_LIMIT = "reschedule_limit"
    BUSINESS_CLOSED = "business_closed"
    ACCESS_BLOCKED = "access_blocked"
    POINT_UNCOLLECTED = "point_uncollected"
    COD_NOT_READY = "cod_not_ready"
    PARTNER_CANCELLED = "partner_cancelled"
    CARRIER_OVERLOAD = "carrier_overload"
    WEATHER = "weather"
    DAMAGED = "damaged"
    LOST = "lost"
    MISSORTED = "missorted"
    CUSTOMS = "customs"
    SECURITY = "security"
    OUT_OF_AREA = "out_of_area"
    NOT_ACCEPTED_GOODS = "not_accepted_goods"
    WRONG_PHONE = "wrong_phone"
    OTHER = "other"
    UNKNOWN = "unknown"


class DeliveryMode(StrEnum):
    """How a parcel was handed over (Postal Law 49/2010/QH12, Art. 11(3)); `unknown` is said aloud."""

    ADDRESS = "address"
    POINT = "point"
    LOCKER = "locker"
    REDIRECT = "redirect"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Which way a carrier says that a parcel goes: to the recipient, or back to the sender."""

    OUTWARD = "outward"
    RETURN = "return"


class Service(StrEnum):
    """What the sender paid for; figures and limits are kept apart by it."""

    PUBLIC = "public"
    EXPRESS = "express"
    STANDARD = "standard"
    ECONOMY = "economy"
    FREIGHT = "freight"


class Deadline(StrEnum):
    """What may pass: the limit of a status, the promise, 30 days of silence."""

    STUCK = "stuck"
    DELAYED = "delayed"
    STALE = "stale"


DEADLINE_LETTER: Final[dict[str, str]] = {
    Deadline.STUCK.value: "K",
    Deadline.DELAYED.value: "Y",
    Deadline.STALE.value: "S",
}
"""How `parcels.overdue` and `parcels.live` write a deadline that passed."""


class Outcome(StrEnum):
    """How a parcel ended, as the delivery-to-address rate counts it."""

    DELIVERED_TO_ADDRESS = "delivered_to_address"
    DELIVERED_AT_POINT = "delivered_at_point"
    DELIVERED_AS_ASKED = "delivered_as_asked"
    DELIVERED_UNKNOWN_MODE = "delivered_unknown_mode"
    RETURNED = "returned"
    LOST = "lost"


class DistanceBucket(StrEnum):
    """How far from the registered destination a scan was made; never the position itself."""

    WITHIN_50_M = "within_50_m"
    WITHIN_200_M = "within_200_m"
    WITHIN_1_KM = "within_1_km"
    BEYOND_1_KM = "beyond_1_km"


class Door(StrEnum):
    """The way by which a scan came in."""

    API = "api"
    WEBHOOK = "webhook"
    FILE = "file"
    KAFKA = "kafka"


class OffsetSource(StrEnum):
    """Who said how far the local time was from UTC."""

    CARRIER = "carrier"
    ASSUMED = "assumed"


class CorrectionKind(StrEnum):
    """GS1 EPCIS 2.0 `errorDeclaration.reason`."""

    DID_NOT_OCCUR = "did_not_occur"
    INCORRECT_DATA = "incorrect_data"
