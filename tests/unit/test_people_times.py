"""Commands tell people's times: the clock of the place and not that of the offset which a carrier wrote."""

from typing import Any

import pytest

from buuta.cli.look import lines_of


def entry(occurred_at: str, *, zone: str | None = None, day_only: bool = False) -> dict[str, Any]:
    return {
        "status": "delivered", "reason": None, "delivery_mode": "address", "provisional": False, "facility": None,
        "province": "01", "commune": "00070", "occurred_at": occurred_at, "zone": zone, "day_only": day_only,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry("2026-11-24T09:25:00.000+00:00")], ["24/11/2026 16:25"]),
        ([entry("2026-11-24T09:25:00.000+07:00")], ["24/11/2026 09:25"]),
        ([entry("2026-11-24T23:59:59.999+07:00", day_only=True)], ["24/11/2026"]),
        ([entry("2026-11-24T00:30:00.000+00:00", zone="Asia/Tokyo")], ["24/11/2026 09:30 (UTC+9)"]),
        (
            [
                entry("2026-11-24T00:30:00.000+00:00", zone="Asia/Tokyo"),
                entry("2026-11-24T02:30:00.000+00:00"),
            ],
            ["24/11/2026 07:30", "24/11/2026 09:30"],
        ),
        (
            [
                entry("2026-11-25T07:59:59.999+00:00", zone="America/Los_Angeles", day_only=True),
                entry("2026-11-26T02:30:00.000+00:00"),
            ],
            ["24/11/2026", "26/11/2026 09:30"],
        ),
    ],
)
def test_track_tells_the_clock_of_the_place_and_one_zone_for_all(
    entries: list[dict[str, Any]], told: list[str]
) -> None:
    assert [when for when, *_ in lines_of({"timeline": entries})] == told
