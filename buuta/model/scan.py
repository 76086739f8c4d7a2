"""A scan: what a carrier reports. And a registration: what a shipper declares."""

from typing import Final, NamedTuple


class Scan(NamedTuple):
    """One `ScanEvent`, field for field; its order is also the order of the `scans` table.

    Enumerated fields hold the plain symbol (`buuta.model.statuses` names them): 10,000 scans a
    second leave no time for enum look-ups. Times are UTC milliseconds. Nothing here is personal.
    `reporter` is the post that reports a parcel which posts share; then `carrier` is `identifiers.SHARED`.

    Where a carrier says the day and no clock (`day_only`), `occurred_at` is the last millisecond of that day at the
    place. `zone` is the IANA name of the place's time zone, None Vietnam's. `direction` is what the carrier flags,
    None where it is silent. Of a `partial_return` a part was delivered and the rest goes back; `linked_number` is
    the number that the part travels under, or of which it is the part.
    """

    event_id: str
    carrier: str
    number: str
    status: str
    reason: str | None
    delivery_mode: str | None
    provisional: bool
    corrects_event_id: str | None
    correction_kind: str | None
    occurred_at: int
    offset_minutes: int
    offset_source: str
    received_at: int
    facility: str | None
    province: str | None
    commune: str | None
    attempt: int | None
    distance_bucket: str | None
    proof_present: bool | None
    raw_code: str
    door: str
    mapping_version: str
    reporter: str | None = None
    day_only: bool = False
    zone: str | None = None
    direction: str | None = None
    partial_return: bool = False
    linked_number: str | None = None


SCAN_FIELDS: Final = Scan._fields


class Registration(NamedTuple):
    """One `ParcelRegistration`: the impersonal part of what a shipper declared.

    `version` grows with every change; of one registration the greatest version holds, and those of different
    ones are never compared. `withdrawn` ends its messages. `confirmed` says that the carrier knows the shipper
    for the parcel's sender.
    """

    registration_id: str
    version: int
    carrier: str
    number: str
    shipper: str
    province: str | None
    commune: str | None
    promised_at: int | None
    language: str
    channels: list[str]
    withdrawn: bool
    registered_at: int
    service: str | None = None
    confirmed: bool = False


class DeadlinePassed(NamedTuple):
    """One `DeadlinePassed`: the owner of a parcel saw a deadline pass (UTC milliseconds)."""

    carrier: str
    number: str
    kind: str
    deadline_at: int
    observed_at: int
