"""Events of EPCIS that are right and move no parcel: which, and why, so that nobody waits for them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.ingest.domain.epcis_parts import STANDARD
from services.ingest.domain.single import Whole

MOVING: Final = frozenset({"ObjectEvent", "AggregationEvent"})
OTHER_TYPES: Final[Mapping[str, str]] = {
    "TransactionEvent": "a TransactionEvent links things to documents of trade; it moves none",
    "TransformationEvent": "a TransformationEvent makes things of others; a parcel is neither",
    "AssociationEvent": "an AssociationEvent mounts things for good; packing is an AggregationEvent",
}
NOT_OURS: Final = "a type of event of your own: what it means for a parcel is not known here"
NOTHING: Final = "it names no single thing that moves: epcList or childEPCs is missing or empty"
NO_PARCEL: Final = (
    "it names no parcel, which is an SSCC or urn:buuta:parcel:NUMBER; it is kept, and counts for parcels that are "
    "packed into what it names"
)
NO_MOVEMENT: Final = "its bizStep and disposition are known to be no movement"


class Skipped(NamedTuple):
    """Why an event is skipped: a stable code, and a sentence."""

    code: str
    why: str


def skipped(whole: Whole, *, is_movement: bool) -> Skipped | None:
    """Why no scan follows from an event as it stands; None where some may. `is_movement`: what its code says."""
    kind = whole.event.type
    if kind not in STANDARD:
        return Skipped("type_of_your_own", NOT_OURS)
    if kind not in MOVING:
        return Skipped("no_movement", OTHER_TYPES[kind])
    if not whole.things and not (whole.is_packing and whole.parent):
        return Skipped("no_parcel", NOTHING)
    if not is_movement:
        return Skipped("no_movement", NO_MOVEMENT)
    named = [*whole.things] or [thing for thing in (whole.parent,) if thing]
    if not any(thing.is_parcel for thing in named):
        return Skipped("no_parcel", NO_PARCEL)
    return None
