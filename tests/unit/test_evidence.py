"""How a parcel was handed over, how well that is known, and what a clerk would ask about."""

from typing import Any

import pytest

from buuta.model.scan import Scan
from services.tracker.domain.findings import FINDINGS
from services.tracker.domain.fold import fold
from tests.scans import scan

ROUND = [scan("accepted", 0), scan("out_for_delivery", 1)]
FAILED = scan("attempt_failed", 2)
AT_POINT = [*ROUND, scan("ready_at_point", 2)]


def named(letters: str) -> list[str]:
    return [finding.name for finding in FINDINGS if finding.letter in letters]


@pytest.mark.parametrize(
    ("before", "says", "mode", "evidence"),
    [
        (ROUND, {"delivery_mode": "address"}, "address", "declared"),
        (ROUND, {"delivery_mode": "locker", "distance_bucket": "beyond_1_km"}, "locker", "declared"),
        (ROUND, {"delivery_mode": "address", "distance_bucket": "beyond_1_km"}, "unknown", "contradicted"),
        (AT_POINT, {}, "point", "collected"),
        (AT_POINT, {"distance_bucket": "within_1_km"}, "point", "collected"),
        (AT_POINT, {"distance_bucket": "within_50_m"}, "unknown", "contradicted"),
        (AT_POINT, {"delivery_mode": "address"}, "address", "declared"),
        (ROUND, {"distance_bucket": "within_200_m"}, "address", "distance"),
        (ROUND, {"proof_present": True}, "address", "proof"),
        (ROUND[:1], {"proof_present": True}, "unknown", "none"),
        (ROUND, {"proof_present": True, "distance_bucket": "beyond_1_km"}, "unknown", "none"),
        (ROUND, {"delivery_mode": "unknown"}, "unknown", "none"),
        (ROUND, {}, "unknown", "none"),
    ],
)
def test_the_delivery_mode_rests_on_the_best_evidence(
    before: list[Scan], says: dict[str, Any], mode: str, evidence: str
) -> None:
    parcel, _, _ = fold([*before, scan("delivered", 3, **says)])
    assert (parcel.delivery_mode, parcel.mode_evidence) == (mode, evidence)


@pytest.mark.parametrize(
    ("scans", "found"),
    [
        ([*ROUND, scan("attempt_failed", 2), scan("delivered", 3)], []),
        ([*AT_POINT, scan("delivered", 3)], []),
        ([scan("accepted", 0), scan("delivered", 3)], ["delivered_without_out_for_delivery"]),
        ([scan("accepted", 0), scan("attempt_failed", 3)], ["attempt_without_out_for_delivery"]),
        ([*ROUND, scan("attempt_failed", 2, distance_bucket="beyond_1_km")], ["attempt_far_from_address"]),
        ([*ROUND, scan("delivered", 2), scan("accepted", 3)], ["impossible_move"]),
        (
            [scan("accepted", 0, province="01"), scan("in_transit", 1, province="79")],
            ["places_too_far_apart"],
        ),
        ([scan("accepted", 0, province="01"), scan("in_transit", 2, province="79")], []),
        ([scan("accepted", 0, province="01"), scan("in_transit", 0.1, province="24")], []),
        ([scan("accepted", 0, province="01"), scan("held", 0.1), scan("in_transit", 1, province="79")], []),
        ([*ROUND, FAILED, scan("returning", 3)], ["return_without_two_invitations"]),
        ([*ROUND, FAILED, scan("return_pending", 3, reason="refused"), scan("returned", 60)], []),
        ([*ROUND, scan("attempt_failed", 2, reason="addressee_moved"), scan("returning", 60)], []),
        (
            [*ROUND, FAILED, scan("ready_at_point", 30), scan("returning", 99)],
            ["return_without_two_invitations"],
        ),
        ([*ROUND, FAILED, scan("ready_at_point", 50), scan("returning", 99)], []),
        ([*ROUND, scan("delivered", 2), scan("returning", 99), scan("returned", 120)], []),
        ([*ROUND, scan("held", 48, received_at=scan("held", 47).occurred_at)], ["time_ahead"]),
        (
            [*ROUND, scan("held", 0.5, received_at=scan("held", 24 * 366).occurred_at)],
            ["time_out_of_range"],
        ),
    ],
)
def test_what_breaks_a_rule_is_found_and_named(scans: list[Scan], found: list[str]) -> None:
    assert named(fold(scans)[0].findings) == found


def test_a_late_scan_takes_a_finding_back() -> None:
    hasty = [scan("accepted", 0), scan("delivered", 3)]
    assert fold([*hasty, scan("out_for_delivery", 2)])[0].findings == ""


def test_every_finding_has_a_letter_of_its_own() -> None:
    assert len({finding.letter for finding in FINDINGS}) == len(FINDINGS)
