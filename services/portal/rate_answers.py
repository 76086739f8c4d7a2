"""What is answered about the delivery-to-address rate: its fields, and how they are filled from rows."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from services.portal.domain.rates import COUNTS, Choice, Counts, Knowledge, Range
from services.portal.transit import UNKNOWN as NO_HOURS
from services.portal.transit import Quantiles

Share = Annotated[float | None, Field(ge=0, le=1, description="None where nothing ended yet.")]
Hours = Annotated[
    int | None,
    Field(
        description="So many hours or fewer from acceptance to handover, without those in which the clock "
        "stood still (customs, another date asked for, weather)."
    ),
]
Minutes = Annotated[int, Field(description="So many minutes or fewer; a step of a fixed scale.")]


class Bounds(BaseModel):
    """A share of `of` parcels, between two bounds: of some nobody said how they were handed over."""

    at_least: Annotated[float | None, Field(ge=0, le=1, description="Known to have reached the address.")]
    at_most: Annotated[float | None, Field(ge=0, le=1, description="These, and all of unknown mode.")]
    of: Annotated[int, Field(description="Parcels that it is a share of.")]
    few: Annotated[bool, Field(description="Fewer than 30: the share says little.")]


class Rate(BaseModel):
    """Counts and rates of a carrier's parcels to a province; each is null for all of them."""

    carrier: str | None
    province: str | None
    accepted: int
    delivered_to_address: int
    delivered_at_point: int
    delivered_as_asked: int
    delivered_unknown_mode: int
    returned: int
    lost: int
    delivered_first_attempt: int
    promised: int
    on_time: int
    delivered_to_locker: Annotated[int, Field(description="Of those delivered at a point.")]
    delivered_to_address_declared: Annotated[
        int,
        Field(
            description="Of those delivered to the address: by the carrier's word; others by distance, proof."
        ),
    ]
    under_way: int
    standing: Annotated[
        Knowledge,
        Field(description="Whether enough is known; `unknown_share` above a limit is not enough."),
    ]
    net: Annotated[Bounds, Field(description="Of what was delivered; at_least is rate_net.")]
    gross: Annotated[
        Bounds, Field(description="Of what ended, returned and lost too; at_least is rate_gross.")
    ]
    rate_net: Share
    rate_gross: Share
    unknown_share: Share
    declared_share: Annotated[
        float | None,
        Field(ge=0, le=1, description="Of those known to have reached it: by the carrier's word."),
    ]
    first_attempt_share: Share
    on_time_share: Share
    transit_p50: Hours
    transit_p90: Hours
    transit_p95: Hours


class Lateness(BaseModel):
    """How long after their business time a carrier's scans were received; received in these days.

    `ahead_share` came more than 10 minutes before it: the carrier's clock is ahead.
    """

    carrier: str
    scans: int
    p50_minutes: Minutes
    p95_minutes: Minutes
    p99_minutes: Minutes
    ahead_share: float


class Missing(BaseModel):
    """Days in a row on which a carrier reported no acceptance at all."""

    carrier: str
    first_day: date
    last_day: date


class Publications(BaseModel):
    """What was published so far, and which acceptance days may be."""

    count: int
    last_day: Annotated[date | None, Field(description="The newest acceptance day that was published.")]
    published_at: datetime | None
    newest_closed: Annotated[date, Field(description="The newest acceptance day that may be published.")]
    window_days: Annotated[int, Field(description="So many days after it an acceptance day closes.")]


class Rates(BaseModel):
    """All figures of one snapshot but hours of transit, and beside them what is missing in them."""

    first_day: date
    last_day: date
    service: str | None
    most_unknown_share: Annotated[
        float, Field(description="Above such a share of unknown mode not enough is known of a rate.")
    ]
    total: Annotated[
        Rate | None,
        Field(description="All carriers that were asked for together; null where there are none."),
    ]
    rates: list[Rate]
    counts_too: Annotated[
        list[Choice], Field(description="What else counts as delivered to the address, by choice.")
    ]
    transit_as_of: Annotated[
        datetime | None,
        Field(description="When hours of transit were read, which may be a little before; null: not yet."),
    ]
    lateness: list[Lateness]
    missing: Annotated[list[Missing], Field(description="Carriers and days without any accepted parcel.")]
    publications: Publications
    names: Annotated[dict[str, str], Field(description="Names of the carriers, by code.")]


class PublishedFigure(BaseModel):
    """A published figure in its latest version; a cell of few parcels shows no counts (k-anonymity)."""

    day: date
    carrier: str
    service: str
    province: str
    commune: str
    version: int
    published_at: datetime
    rules: Annotated[str, Field(description="Version of the rules that it was counted by.")]
    choices: Annotated[list[Choice], Field(description="What else counted as delivered to the address.")]
    publication: int
    counts: dict[str, int] | None
    rate_net: Share
    rate_gross: Share
    unknown_share: Share


QUANTILES: Final = ("transit_p50", "transit_p90", "transit_p95")


def rate(row: Any, hours: Quantiles, choices: frozenset[Choice], most_unknown: float) -> Rate:
    """One row's counts, and the shares that follow."""
    counted = _counted(row)
    counts = Counts(**counted, choices=choices)
    within = hours.hours.get((row["carrier"], row["province"]))
    return Rate(
        carrier=row["carrier"], province=row["province"],
        **counted, under_way=counts.under_way, standing=counts.standing(most_unknown),
        net=_bounds(counts.net), gross=_bounds(counts.gross),
        rate_net=counts.rate_net, rate_gross=counts.rate_gross, unknown_share=counts.unknown_share,
        declared_share=counts.declared_share, first_attempt_share=counts.first_attempt_share,
        on_time_share=counts.on_time_share,
        **{name: within and within[name] for name in QUANTILES},
    )  # fmt: skip


def total(rows: Sequence[Any], choices: frozenset[Choice], most_unknown: float) -> Rate | None:
    """All carriers together: hours of transit, which are quantiles, are not known of them.

    Rows of all provinces are the sums of the others, where there are such.
    """
    summed = [row for row in rows if row["province"] is None] or rows
    if not summed:
        return None
    counts = {name: sum(row[name] for row in summed) for name in COUNTS}
    whole = {"carrier": None, "province": summed[0]["province"], **counts}
    return rate(whole, NO_HOURS, choices, most_unknown)


def published(row: Any, smallest_cell: int) -> PublishedFigure:
    """A published row; what is smaller than the smallest cell shows no counts."""
    said = {name: row[name] for name in PublishedFigure.model_fields if name in row.keys()}  # noqa: SIM118
    counted = _counted(row)
    counts = Counts(**counted, choices=frozenset(row["choices"]))
    if counts.accepted < smallest_cell:
        return PublishedFigure(**said, counts=None, rate_net=None, rate_gross=None, unknown_share=None)
    return PublishedFigure(
        **said, counts=counted, rate_net=counts.rate_net, rate_gross=counts.rate_gross,
        unknown_share=counts.unknown_share,
    )  # fmt: skip


def _bounds(of: Range) -> Bounds:
    return Bounds(at_least=of.at_least, at_most=of.at_most, of=of.of, few=of.few)


def _counted(row: Any) -> dict[str, int]:
    return {name: row[name] for name in COUNTS}
