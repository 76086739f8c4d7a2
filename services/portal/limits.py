"""How much a shipper may register: docs/decisions/0049. What is refused is rolled back, and so was not counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from buuta.storage import windows
from buuta.storage.contacts import recipient_hash
from buuta.storage.vault import Vault
from buuta.storage.windows import Window, window
from buuta.web.problems import Problem
from services.portal import standing
from services.portal.domain.registration import Recipient, Registered, Standing
from services.portal.settings import PortalSettings
from services.portal.standing import Parcel

DAY_HOURS: Final = 24
MOST_VERSIONS: Final = 500
"""Of a registration in all its life; a withdrawal is always one more. The tracker looks at all of a number's."""
MOST_OF_A_PARCEL: Final = 100
"""Registrations of one parcel without the carrier's word, those that were withdrawn among them."""


@dataclass(frozen=True)
class Written:
    """A version that was written: by whom, for which registration, and the recipient if it names one."""

    shipper: str
    registered: Registered
    recipient: Recipient | None


@dataclass(frozen=True)
class Limit:
    """How often something may be done in so many hours, and what is said to who does it more often."""

    hours: int
    setting: str
    detail: str


LIMITS: Final = {
    "registrations": Limit(
        1, "registrations_per_hour", "your registrations and changes of this hour are {most}, the most there may be"
    ),
    "versions": Limit(
        DAY_HOURS, "changes_per_day", "this registration was changed {most} times today, the most there may be"
    ),
    "recipient": Limit(
        1, "recipient_registrations_per_hour",
        "you registered this recipient {most} times in this hour, the most there may be",
    ),
    "recipient_changes": Limit(
        DAY_HOURS, "recipient_changes_per_day",
        "this registration's recipient was named anew {most} times today, the most there may be",
    ),
    "unconfirmed": Limit(
        DAY_HOURS, "unconfirmed_per_day",
        "you registered {most} parcels today that others registered before you; ask the carrier to confirm you",
    ),
}  # fmt: skip
"""By what is counted: always a shipper's own, so that what one does refuses nothing to another."""


def is_full(row: Mapping[str, Any]) -> bool:
    """Whether a registration has all the versions that it may have."""
    return bool(row["version"] >= MOST_VERSIONS)


class Limits:
    """Holds registrations to the limits of the settings, in the transaction that writes them."""

    def __init__(self, vault: Vault, settings: PortalSettings) -> None:
        self._vault = vault
        self._settings = settings

    async def room(self, con: Any, parcel: Parcel, stands: Standing) -> None:
        """Hold a parcel to so many registrations that no carrier confirms.

        Raises:
            Problem: 409 where there are more.
        """
        if stands is Standing.CONFIRMED:
            return
        most, crowd = self._settings.parcel_registrations, await standing.crowd(con, parcel)
        if crowd.hold > most or crowd.all > MOST_OF_A_PARCEL:
            said = f"{most} registrations of this parcel hold" if crowd.hold > most else (
                f"{MOST_OF_A_PARCEL} shippers registered this parcel"
            )  # fmt: skip
            raise Problem(409, "registered_by_many", f"{said} already; ask the carrier to confirm yours")

    @staticmethod
    def versions(row: Mapping[str, Any]) -> None:
        """Hold a registration to so many versions before another is written.

        Raises:
            Problem: 409 where it has them all.
        """
        if is_full(row):
            raise Problem(
                409, "versions_used_up",
                f"this registration was changed {MOST_VERSIONS} times, the most there may be; it can be withdrawn",
            )  # fmt: skip

    async def count(self, con: Any, written: Written, now_ms: int) -> None:
        """Count a version that was written.

        Raises:
            Problem: 429 with Retry-After, where a limit is reached.
        """
        await windows.drop_ended(con, now_ms)
        counts = await windows.take(con, dict.fromkeys(self._windows(written, now_ms), 1))
        for each, count in counts.items():
            limit = LIMITS[each.what]
            most = getattr(self._settings, limit.setting)
            if count > most:
                seconds = (each.ends_at - now_ms + 999) // 1000
                detail = limit.detail.format(most=most)
                raise Problem(429, "too_many_registrations", detail, {"Retry-After": str(seconds)})

    def _windows(self, written: Written, now_ms: int) -> list[Window]:
        subjects: list[tuple[str, str | bytes]] = [
            ("registrations", written.shipper), ("versions", written.registered.registration_id),
        ]  # fmt: skip
        if written.registered.standing is Standing.UNCONFIRMED and written.registered.version == 1:
            subjects.append(("unconfirmed", written.shipper))
        if written.recipient is not None:
            if written.registered.version > 1:
                subjects.append(("recipient_changes", written.registered.registration_id))
            addresses = {"sms": written.recipient.phone, "email": written.recipient.email}
            subjects += [
                ("recipient", recipient_hash(self._vault, channel, address) + written.shipper.encode())
                for channel, address in addresses.items()
                if address
            ]
        return [window(what, subject, now_ms, LIMITS[what].hours) for what, subject in subjects]
