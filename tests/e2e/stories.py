"""Parcels whose pages people look at: one of each status, of each kind of waiting, and of each kind of end."""

from collections.abc import Sequence
from typing import Any, Final

from buuta.model.scan import Registration, Scan
from tests.scans import HOUR, MORNING, registration, scan

Records = Sequence[Scan | Registration]
HANOI: Final = {"province": "01", "commune": "00070"}
SAIGON: Final = {"province": "79", "commune": "26740"}
POINT: Final = "BC00070"
PROMISED: Final = MORNING + 40 * HOUR


def _to_the_door(number: str) -> list[Scan]:
    return [
        scan("accepted", 0, number, facility="HCM-SOC", **SAIGON), scan("in_transit", 6, number, **SAIGON),
        scan("in_transit", 20, number, **HANOI), scan("out_for_delivery", 25, number, **HANOI),
    ]  # fmt: skip


def _failed(number: str, reason: str) -> list[Scan]:
    return [*_to_the_door(number), scan("attempt_failed", 27, number, reason=reason, **HANOI)]


def _registered(number: str, place: int, **more: Any) -> Registration:
    made = f"6f1f9a0e-0000-4000-8000-{place:012}"
    return registration(number=number, registration_id=made, promised_at=PROMISED, **more)


STORIES: Final[dict[str, Records]] = {
    "WAITS1": [_registered("WAITS1", 1)],
    "INF01": [scan("info_received", 0, "INF01")],
    "PKP01": [scan("pickup_in_progress", 0, "PKP01")],
    "PKF01": [scan("pickup_failed", 0, "PKF01", reason="no_contact")],
    "ACC01": [_registered("ACC01", 2), scan("accepted", 0, "ACC01", **SAIGON)],
    "TRN01": _to_the_door("TRN01")[:3],
    "CUS01": [*_to_the_door("CUS01")[:3], scan("customs_hold", 21, "CUS01", reason="customs")],
    "HLD01": [*_to_the_door("HLD01"), scan("held", 26, "HLD01", reason="weather", **HANOI)],
    "GHG01": [_registered("GHG01", 3), *_to_the_door("GHG01")],
    "FLD01": [_registered("FLD01", 4), *_failed("FLD01", "addressee_absent")],
    "FLD02": [
        *_failed("FLD02", "addressee_absent"), scan("attempt_failed", 120, "FLD02", reason="no_contact"),
    ],
    "REF01": _failed("REF01", "refused"),
    "PNT01": [
        *_failed("PNT01", "addressee_absent"), scan("ready_at_point", 30, "PNT01", facility=POINT, **HANOI),
    ],
    "DLV01": [
        _registered("DLV01", 5), *_to_the_door("DLV01"),
        scan("delivered", 27, "DLV01", delivery_mode="address", **HANOI),
    ],
    "DLV02": [*_to_the_door("DLV02"), scan("delivered", 27, "DLV02", day_only=True, **HANOI)],
    "PRT01": [
        *_to_the_door("PRT01"),
        scan("delivered", 27, "PRT01", delivery_mode="address", partial_return=True, linked_number="PRT02"),
    ],
    "RPD01": [*_failed("RPD01", "no_contact"), scan("return_pending", 100, "RPD01", reason="no_contact")],
    "RTG01": [*_failed("RTG01", "refused"), scan("returning", 60, "RTG01", reason="refused", **HANOI)],
    "RTD01": [
        _registered("RTD01", 6), *_failed("RTD01", "refused"), scan("returning", 60, "RTD01", **HANOI),
        scan("returned", 90, "RTD01", **SAIGON),
    ],
    "CNL01": [scan("accepted", 0, "CNL01"), scan("cancelled", 3, "CNL01", reason="partner_cancelled")],
    "DMG01": [*_to_the_door("DMG01")[:3], scan("damaged", 22, "DMG01", reason="damaged")],
    "LST01": [*_to_the_door("LST01")[:3], scan("lost", 200, "LST01", reason="lost")],
    "CMP01": [*_to_the_door("CMP01")[:3], scan("lost", 200, "CMP01"), scan("compensated", 300, "CMP01")],
    "XPD01": [*_to_the_door("XPD01")[:3], scan("expired", 900, "XPD01")],
    "PRV01": [scan("delivered", 3, "PRV01", provisional=True)],
    "PRV02": [*_to_the_door("PRV02"), scan("delivered", 27, "PRV02", provisional=True)],
    "TYO01": [scan("accepted", 0, "TYO01", zone="Asia/Tokyo"), scan("in_transit", 5, "TYO01", zone="Asia/Tokyo")],
}  # fmt: skip
"""By number, of carrier ghn."""
PAGES: Final = {
    "home": "/", "missing": "/t/NOTHERE1", "choose": "/t/TWICE1", "lost-way": "/nowhere",
    "wrong": "/rates?from=yesterday", "rates": "/rates",
    **{number: f"/t/ghn/{number}" for number in STORIES},
}  # fmt: skip
