"""How a parcel was handed over, and how well that is known (domain 3.5, point 1 of section 4)."""

from enum import StrEnum
from typing import Final, NamedTuple

from buuta.model.statuses import DeliveryMode, DistanceBucket, Status

ADDRESS: Final = DeliveryMode.ADDRESS.value
POINT: Final = DeliveryMode.POINT.value
UNKNOWN: Final = DeliveryMode.UNKNOWN.value
PLAIN_MODES: Final = {UNKNOWN, None}
READY_AT_POINT: Final = Status.READY_AT_POINT.value
NEAR: Final = {DistanceBucket.WITHIN_50_M.value, DistanceBucket.WITHIN_200_M.value}
FAR: Final = DistanceBucket.BEYOND_1_KM.value


class Evidence(StrEnum):
    """What a delivery mode rests on, the best first."""

    DECLARED = "declared"
    COLLECTED = "collected"
    DISTANCE = "distance"
    PROOF = "proof"
    CONTRADICTED = "contradicted"
    NONE = "none"


class Handover(NamedTuple):
    """What is known of a delivery at the moment of its scan.

    `waited_at_point` says that it stood ready at a service point just before, `went_out` that it was
    out for delivery at some time.
    """

    declared: str | None
    distance: str | None
    proof: bool | None
    waited_at_point: bool
    went_out: bool


def graded(handover: Handover) -> tuple[str, str]:
    """Delivery mode and its evidence; where the evidence contradicts itself, the mode is unknown."""
    declared, distance, proof, waited_at_point, went_out = handover
    if declared not in PLAIN_MODES:
        lies = declared == ADDRESS and distance == FAR
        return (UNKNOWN, Evidence.CONTRADICTED.value) if lies else (str(declared), Evidence.DECLARED.value)
    if waited_at_point:
        lies = distance in NEAR
        return (UNKNOWN, Evidence.CONTRADICTED.value) if lies else (POINT, Evidence.COLLECTED.value)
    if distance in NEAR:
        return ADDRESS, Evidence.DISTANCE.value
    if proof and went_out and distance != FAR:
        return ADDRESS, Evidence.PROOF.value
    return UNKNOWN, Evidence.NONE.value
