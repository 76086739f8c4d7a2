"""A parcel's state: what its set of records implies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple


class Declared(NamedTuple):
    """What the fold looks at in a version of a registration; names and meaning as in `Registration`."""

    version: int
    registered_at: int
    registration_id: str
    withdrawn: bool
    province: str | None
    commune: str | None
    promised_at: int | None
    service: str | None
    confirmed: bool = False


@dataclass(slots=True)
class Parcel:
    """The state of one parcel; the order of fields is that of the `parcels` table after its key.

    The fold owns a `Parcel` and changes it in place: 10,000 scans a second leave no time for copies. Times are UTC
    milliseconds. `live` is the live set: a letter a milestone and what tells it apart (`occurrences.py`), in
    business order. `reported_status` is what a courier reported and the carrier has not confirmed. `findings` holds
    one letter a finding; a parcel `awaits_scan` while one of its corrections came before what it corrects, or what
    was registered for the next parcel of its number was withdrawn before that began. `province` is where the newest
    scan was made. `scans` counts the history; once it is longer than steers, `full_at` is the receipt of the first
    scan that does not, and `full_by` its reporter, of whom nothing that comes later steers. `deadlines` says that a
    deadline was seen to pass; `overdue` holds the letters of those that are past now. `epoch` says which parcel of
    its number it is, from 1; `epoch_from` is when it began, None for the first. `stopped_at` is since when the
    clock of its transit time stands still, `stopped_ms` how long it stood before. Of a parcel that posts share,
    `credited` is the one that figures are credited to: that of the last mile, else the newest. `registered_at` is
    when the latest of its registrations was made; `registration_version` is that of the one which steers;
    `registration_id` and, apart by spaces, `also_registered` are those whose recipients are told, the first of them
    first. `direction` is the way that the parcel goes, as far as anything was said; of a `partial_return` a part
    was delivered and the rest goes back; `linked_number` is the number that the part travels under, or of which it
    is the part. `by_day` says that its acceptance, first movement or handover is known by the day alone. `last_at`
    is when it came to its status, or to the newest scan that says the same where it has not ended.
    """

    status: str | None = None
    reason: str | None = None
    reported_status: str | None = None
    attempts: int = 0
    delivery_mode: str | None = None
    mode_evidence: str | None = None
    outcome: str | None = None
    accepted_at: int | None = None
    moved_at: int | None = None
    last_at: int | None = None
    greatest_at: int | None = None
    next_expected_at: int | None = None
    live: str = ""
    sequence: int = 0
    registration_id: str | None = None
    registration_version: int | None = None
    dest_province: str | None = None
    dest_commune: str | None = None
    promised_at: int | None = None
    findings: str = ""
    awaits_scan: bool = False
    province: str | None = None
    invited_at: int | None = None
    invited_twice: bool = False
    scans: int = 0
    full_at: int | None = None
    deadlines: bool = False
    overdue: str = ""
    service: str | None = None
    delivered_at: int | None = None
    epoch: int = 1
    epoch_from: int | None = None
    stopped_at: int | None = None
    stopped_ms: int = 0
    registered_at: int | None = None
    credited: str | None = None
    also_registered: str = ""
    full_by: str | None = None
    direction: str | None = None
    partial_return: bool = False
    linked_number: str | None = None
    by_day: bool = False

    def register(self, registration: Declared, told: Sequence[str]) -> None:
        """Take in the registration that steers, and the ids of those whose recipients are told.

        One that was withdrawn tells nobody anything; its destination stays, since the parcel still goes there.
        """
        self.registration_version = registration.version
        self.registration_id = told[0] if told else None
        self.also_registered = " ".join(told[1:])
        self.dest_province = registration.province
        self.dest_commune = registration.commune
        self.promised_at = registration.promised_at
        self.service = registration.service


STATE_FIELDS: Final = tuple(Parcel.__slots__)
