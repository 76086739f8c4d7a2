"""What passes `checked` can be stored, shown and told of; what does not comes in by no door."""

import hashlib
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from buuta.errors import BadItem
from buuta.model.checked import RULES, checked
from buuta.model.scan import SCAN_FIELDS, Scan
from buuta.model.statuses import (
    CorrectionKind,
    DeliveryMode,
    Direction,
    DistanceBucket,
    Door,
    OffsetSource,
    Reason,
    Status,
)
from buuta.settings import SharedSettings
from buuta.wording.messages import words
from services.ingest.storage import Carrier, add_carrier
from services.notifier.domain.rules import TOLD
from services.portal.app import wire
from services.portal.settings import PortalSettings
from tests.integration.doors import served
from tests.integration.parts import chunk, worker
from tests.scans import MORNING, scan

EXTREMES: Final[dict[str, list[Any]]] = {
    "number": ["ABC", "A" * 50, "Z82BS", "S1.A1.17373471", "0..", "A-_.", "RB123456785GB"],
    "status": [each.value for each in Status],
    "reason": [None, *(each.value for each in Reason)],
    "delivery_mode": [None, *(each.value for each in DeliveryMode)],
    "provisional": [False, True],
    "occurred_at": [MORNING, 946_684_800_000, 4_102_444_799_999],
    "received_at": [MORNING, 0, 4_102_444_799_999],
    "offset_minutes": [420, 0, -840, 840, 345],
    "offset_source": [each.value for each in OffsetSource],
    "facility": [None, "A" * 40, "./-", "8931234567890/7"],
    "province": [None, "01", "99999"],
    "commune": [None, "00070", "00"],
    "attempt": [None, 1, 99],
    "distance_bucket": [None, *(each.value for each in DistanceBucket)],
    "proof_present": [None, True, False],
    "raw_code": ["5", "x" * 100, "Đã giao", "<script>", "{number}", "'; drop table scans; --", "\u202e"],
    "door": [each.value for each in Door],
    "mapping_version": ["ghn-1", "x" * 100],
    "reporter": [None, "vnp"],
    "day_only": [False, True],
    "zone": [None, "Asia/Tokyo", "America/St_Johns", "Etc/GMT+12", "UTC"],
    "direction": [None, *(each.value for each in Direction)],
    "partial_return": [False, True],
    "linked_number": [None, "ABC", "A" * 50],
}
HOSTILE: Final[list[Any]] = [
    None, "", " ", "zz", "\x00", "a\x00b", "\x1b[2J", "\ud800", "a/b", "../..", "x" * 101, "Lan 0912345678", True,
    0, -1, 100, 100_000, -841, 2**31 - 1, 2**63, -(2**63), 1.5, float("nan"), "２０", "ﬁ123", "S10", "Ghn", [],
    b"x", 1.8e12,
]  # fmt: skip
CORRECTION: Final = st.sampled_from([(None, None), *(("ab" * 16, kind.value) for kind in CorrectionKind)])


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """A scan of values that are just allowed, in which up to two fields hold whatever somebody may send."""
    odd = draw(st.lists(st.sampled_from(SCAN_FIELDS), max_size=2)) if draw(st.booleans()) else []
    fields = {name: draw(st.sampled_from(values)) for name, values in EXTREMES.items()}
    fields["corrects_event_id"], fields["correction_kind"] = draw(CORRECTION)
    for name in odd:
        fields[name] = draw(st.sampled_from(HOSTILE))
    own = hashlib.sha256(repr(sorted(fields.items())).encode("utf-8", "replace")).hexdigest()[:32]
    return scan("delivered", 0)._replace(**{"event_id": own} | fields)


def drawn() -> tuple[dict[str, Scan], int]:
    """Scans that pass by their ids, and how many do not."""
    passed: dict[str, Scan] = {}
    refused = 0

    @how(max_examples=600, deadline=None, database=None, derandomize=True,
         suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(scans())
    def draw(made: Scan) -> None:
        nonlocal refused
        try:
            passed[made.event_id] = checked(made)
        except BadItem:
            refused += 1

    draw()
    return passed, refused


async def test_no_scan_that_passes_is_refused_by_the_table_the_page_or_the_wording(
    settings: SharedSettings, pool: Any
) -> None:
    passed, refused = drawn()
    assert min(len(passed), refused) > 50
    for code in ("ghn", "vnp"):
        await add_carrier(pool, Carrier(code, code, "buuta"))
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, passed.values()))
    stored = {row["event_id"].hex() for row in await pool.fetch("select event_id from scans")}
    assert stored == passed.keys()
    await _shown({(each.carrier, each.number) for each in passed.values()}, settings)
    for each in passed.values():
        _worded(each)


async def _shown(parcels: set[tuple[str, str]], settings: SharedSettings) -> None:
    async with served(wire, PortalSettings(**settings.model_dump())) as client:
        for carrier, number in sorted(parcels):
            for language in ("vi", "en"):
                page = await client.get(f"/t/{carrier}/{number}", params={"lang": language})
                assert page.status_code == 200, (carrier, number)


def _worded(each: Scan) -> None:
    for kind in TOLD:
        said = words({**each._asdict(), "kind": kind, "ordinal": 99}, "vi", "https://x.example")
        assert each.number in said.sentence


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.field)
def test_every_field_has_a_rule_that_says_what_to_fix(rule: Any) -> None:
    hostile: dict[str, Any] = {rule.field: "\x00Lan 0912345678"}
    made = scan("delivered", 0)._replace(**hostile)
    with pytest.raises(BadItem) as refused:
        checked(made)
    assert refused.value.field == rule.field
    assert "0912345678" not in str(refused.value)


def test_the_rules_are_in_the_order_of_the_fields() -> None:
    assert tuple(rule.field for rule in RULES) == SCAN_FIELDS
