"""`/rates`: the delivery-to-address rate by carrier and province, as a page and as JSON."""

import asyncio
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from buuta.errors import BadItem
from buuta.model.statuses import Service
from buuta.web.problems import problems
from services.portal import figures as reading
from services.portal import publishing
from services.portal.domain.periods import FIRST_DAY, LAST_DAY, Period, period, published_period
from services.portal.domain.rates import COUNTS, Choice, Counts
from services.portal.doors.pages import page
from services.portal.figures import Figures
from services.portal.settings import PortalSettings
from services.portal.transit import Quantiles, Question, Transit

First = Annotated[
    date | None, Query(alias="from", ge=FIRST_DAY, le=LAST_DAY, description="First acceptance day.")
]
Last = Annotated[
    date | None, Query(alias="to", ge=FIRST_DAY, le=LAST_DAY, description="Last acceptance day.")
]
OfService = Annotated[
    Service | Literal["unknown"] | None, Query(description="One service; without it all, the unknown too.")
]
OfCarrier = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$", description="A carrier's code.")]
After = Annotated[
    str, Query(max_length=200, pattern=r"^[^\x00]*$", description="Where the page begins: as `Link` says.")
]
Share = Annotated[float | None, Field(ge=0, le=1, description="None where nothing ended yet.")]


Hours = Annotated[
    int | None,
    Field(
        description="So many hours or fewer from acceptance to handover, without those in which the clock "
        "stood still (customs, another date asked for, weather)."
    ),
]
Minutes = Annotated[int, Field(description="So many minutes or fewer; a step of a fixed scale.")]


class Rate(BaseModel):
    """Counts and rates of a carrier's parcels to a province; `province` is null for all of them."""

    carrier: str
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
    under_way: int
    rate_net: Share
    rate_gross: Share
    unknown_share: Share
    first_attempt_share: Share
    on_time_share: Share
    transit_p50: Hours
    transit_p90: Hours
    transit_p95: Hours


class Lateness(BaseModel):
    """How long after their business time a carrier's scans were received; received in these days."""

    carrier: str
    scans: int
    p50_minutes: Minutes
    p95_minutes: Minutes
    p99_minutes: Minutes


class Missing(BaseModel):
    """Days in a row on which a carrier reported no acceptance at all."""

    carrier: str
    first_day: date
    last_day: date


class Rates(BaseModel):
    """All figures of one snapshot but hours of transit, and beside them what is missing in them."""

    first_day: date
    last_day: date
    service: str | None
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


def router(figures: Figures, transit: Transit, settings: PortalSettings) -> APIRouter:
    """The figures for everybody; published cells of few parcels show no counts."""
    routes = APIRouter(tags=["figures"])

    async def read(asked: Period, service: str | None = None) -> Rates:
        hours, (rows, late, missing) = await asyncio.gather(
            transit.of(Question(asked, service)), _read(figures, asked, service)
        )
        late = [Lateness(**row) for row in late]
        gaps = [Missing(**asdict(gap)) for gap in missing]

        def made() -> Rates:
            return Rates(
                first_day=asked.first, last_day=asked.last, service=service, counts_too=sorted(settings.choices),
                rates=[_rate(row, hours, settings.choices) for row in rows], transit_as_of=hours.as_of,
                lateness=late, missing=gaps,
            )  # fmt: skip

        # Hundreds of carriers by provinces: not on the event loop.
        return await asyncio.to_thread(made)

    @routes.get("/v1/rates", response_model=Rates, responses=problems(400, 422, 503))
    async def rates(first: First = None, last: Last = None, service: OfService = None) -> Response:
        """By carrier and destination province, over acceptance days, five years at most; in one snapshot."""
        found = await read(period(first, last, _today()), service)
        return Response(await asyncio.to_thread(found.model_dump_json), media_type="application/json")

    @routes.get("/v1/rates/published", responses=problems(400, 422, 503))
    async def published(  # noqa: PLR0913 - what a page of a period is asked by
        request: Request,
        answer: Response,
        carrier: OfCarrier,
        first: First = None,
        last: Last = None,
        after: After = "",
    ) -> list[PublishedFigure]:
        """A carrier's published figures in their latest versions, of at most 31 acceptance days.

        By day, service, province and commune, in pages of at most 1,000; the header `Link` leads to the next.
        """
        asked = published_period(first, last, _today())
        async with figures.snapshot() as con:
            rows = await publishing.latest(con, carrier, *asked, _place(after))
        if len(rows) == publishing.MOST:
            answer.headers["Link"] = _next(request, rows[-1])
        return [_published(row, settings.smallest_cell) for row in rows]

    @routes.get("/rates", response_class=HTMLResponse, include_in_schema=False)
    async def rates_page(request: Request, first: First = None, last: Last = None) -> HTMLResponse:
        found = await read(period(first, last, _today()))
        return await asyncio.to_thread(page, request, "rates", figures=found)

    return routes


async def _read(
    figures: Figures, asked: Period, service: str | None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Sums, lateness and days without a report, in one snapshot."""
    async with figures.snapshot() as con:
        rows = await reading.rates(con, asked, service)
        late = await reading.lateness(con, asked)
        return rows, late, await publishing.gaps(con, asked.first, min(asked.last, _yesterday()))


def _next(request: Request, row: Any) -> str:
    """The link to the page after this row (RFC 8288)."""
    after = ":".join(str(row[name]) for name in publishing.Place._fields)
    return f'<?{urlencode({**request.query_params, "after": after})}>; rel="next"'


def _place(after: str) -> publishing.Place | None:
    """Where a page begins.

    Raises:
        BadItem: it is no place that a link named.
    """
    if not after:
        return None
    try:
        day, service, province, commune = after.split(":", 3)
        return publishing.Place(date.fromisoformat(day), service, province, commune)
    except ValueError:
        raise BadItem(
            "after_invalid", "after is what the header Link of the page before says", "after"
        ) from None


def _today() -> date:
    return datetime.now(UTC).date()


def _yesterday() -> date:
    """The last day that is over: today's reports may still come."""
    return _today() - timedelta(days=1)


def _counted(row: Any) -> dict[str, int]:
    return {name: row[name] for name in COUNTS}


def _published(row: Any, smallest_cell: int) -> PublishedFigure:
    said = {name: row[name] for name in PublishedFigure.model_fields if name in row.keys()}  # noqa: SIM118
    counted = _counted(row)
    counts = Counts(**counted, choices=frozenset(row["choices"]))
    if counts.accepted < smallest_cell:
        return PublishedFigure(**said, counts=None, rate_net=None, rate_gross=None, unknown_share=None)
    return PublishedFigure(
        **said, counts=counted, rate_net=counts.rate_net, rate_gross=counts.rate_gross,
        unknown_share=counts.unknown_share,
    )  # fmt: skip


QUANTILES: Final = ("transit_p50", "transit_p90", "transit_p95")


def _rate(row: Any, hours: Quantiles, choices: frozenset[Choice]) -> Rate:
    counted = _counted(row)
    counts = Counts(**counted, choices=choices)
    within = hours.hours.get((row["carrier"], row["province"]))
    return Rate(
        carrier=row["carrier"], province=row["province"],
        **counted, under_way=counts.under_way,
        rate_net=counts.rate_net, rate_gross=counts.rate_gross, unknown_share=counts.unknown_share,
        first_attempt_share=counts.first_attempt_share,
        on_time_share=counts.on_time_share,
        **{name: within and within[name] for name in QUANTILES},
    )  # fmt: skip
