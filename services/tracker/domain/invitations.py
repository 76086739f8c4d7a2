"""Invitations to the addressee, and when a parcel may go back (Postal Law 49/2010/QH12, Art. 17(1)).

An item is undeliverable if the address is missing or wrong, the addressee moved or is not to be
found, refuses it, or *was invited at least twice, two working days apart,* and did not come. Each
failed attempt and each notice that the item lies ready at a point counts as an invitation.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import holidays

from buuta.model.statuses import Reason, Status
from buuta.model.times import vietnam_day
from buuta.model.ways import GOES_BACK
from services.tracker.domain.parcel import Parcel

WORKING_DAYS_APART: Final = 2
INVITING: Final = frozenset({Status.ATTEMPT_FAILED.value, Status.READY_AT_POINT.value})
GOES_BACK_ANYWAY: Final = frozenset({
    # Art. 17(1): no use in an invitation.
    Reason.ADDRESS_INCOMPLETE_OR_WRONG.value, Reason.ADDRESSEE_MOVED.value, Reason.ADDRESSEE_UNKNOWN.value,
    Reason.REFUSED.value,
    # The sender takes it back, or it may not or cannot be handed over.
    Reason.PARTNER_CANCELLED.value, Reason.NOT_ACCEPTED_GOODS.value, Reason.OUT_OF_AREA.value,
    Reason.CUSTOMS.value, Reason.SECURITY.value, Reason.DAMAGED.value, Reason.MISSORTED.value,
})  # fmt: skip
ENDED_OTHERWISE: Final = frozenset({
    Status.DELIVERED.value, Status.CANCELLED.value, Status.DAMAGED.value, Status.LOST.value,
})  # fmt: skip
"""From here a parcel goes back for another cause: a return leg, or the end of its order."""


@lru_cache(maxsize=16)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("VN", years=year))


def is_working_day(day: date) -> bool:
    """Monday to Friday, and no public holiday in Vietnam (Tet and days in lieu included)."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def far_enough_apart(first_at: int, second_at: int) -> bool:
    """Whether the second of two times (UTC milliseconds) lies two working days or more after the first."""
    day, last, worked = vietnam_day(first_at), vietnam_day(second_at), 0
    while day < last and worked < WORKING_DAYS_APART:
        day += timedelta(days=1)
        worked += is_working_day(day)
    return worked >= WORKING_DAYS_APART


def invite(parcel: Parcel, at: int) -> None:
    """Note an invitation at `at` (UTC milliseconds)."""
    if parcel.invited_at is None:
        parcel.invited_at = at
    elif not parcel.invited_twice:
        parcel.invited_twice = far_enough_apart(parcel.invited_at, at)


def returns_too_early(parcel: Parcel, status: str, reason: str | None) -> bool:
    """Whether a parcel goes back now that should have waited for a second invitation."""
    before = parcel.status
    if status not in GOES_BACK or before in GOES_BACK or before in ENDED_OTHERWISE or before is None:
        return False
    return not parcel.invited_twice and (reason or parcel.reason) not in GOES_BACK_ANYWAY
