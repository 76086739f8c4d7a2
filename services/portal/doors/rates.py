"""`/v1/rates`: the delivery-to-address rate by carrier and province, as JSON."""

import asyncio
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BeforeValidator, Field

from buuta.errors import BadItem
from buuta.model.statuses import Service
from buuta.web.parameters import PLAIN
from buuta.web.problems import problems
from services.portal import publishing
from services.portal.domain.periods import FIRST_DAY, LAST_DAY, Asked, period, published_period
from services.portal.figures import Figures
from services.portal.rate_answers import PublishedFigure, Rates, published
from services.portal.rates import RateReader, today
from services.portal.settings import PortalSettings

EMPTY: BeforeValidator = BeforeValidator(lambda said: said or None)
"""A form sends the fields that nobody filled in, too."""
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
Code = Annotated[str, Field(max_length=64, pattern=PLAIN)]
First = Annotated[Day | None, EMPTY, Query(alias="from", description="First acceptance day.")]
Last = Annotated[Day | None, EMPTY, Query(alias="to", description="Last acceptance day.")]
OfService = Annotated[
    Service | Literal["unknown"] | None,
    EMPTY,
    Query(description="One service; without it all, the unknown too."),
]
OfCarrier = Annotated[Code, Query(description="A carrier's code.")]
OneCarrier = Annotated[Code | None, EMPTY, Query(alias="carrier", description="One carrier's code.")]
OneProvince = Annotated[
    Annotated[str, Field(pattern=r"^([0-9]{2}|unknown)$")] | None,
    EMPTY,
    Query(description="One province: the code of the Statistics Office, or `unknown`."),
]
After = Annotated[
    str, Query(max_length=200, pattern=PLAIN, description="Where the page begins: as `Link` says.")
]


def asked_for(
    first: First = None,
    last: Last = None,
    service: OfService = None,
    carrier: OneCarrier = None,
    province: OneProvince = None,
) -> Asked:
    """What a request for rates asks for.

    Raises:
        BadItem: as `period`.
    """
    return Asked(period(first, last, today()), service, carrier, province)


AskedFor = Annotated[Asked, Depends(asked_for)]


def router(reader: RateReader, figures: Figures, settings: PortalSettings) -> APIRouter:
    """The figures for everybody; published cells of few parcels show no counts."""
    routes = APIRouter(tags=["figures"])

    @routes.get("/v1/rates", summary="The rates", response_model=Rates, responses=problems(400, 422, 503))
    async def rates(asked: AskedFor) -> Response:
        """By carrier and destination province, over acceptance days, five years at most; in one snapshot.

        `net` and `gross` are ranges: at least what is known to have reached the address, at most what may have.
        """
        found = await reader.of(asked)
        return Response(await asyncio.to_thread(found.model_dump_json), media_type="application/json")

    @routes.get("/v1/rates/published", summary="Published figures", responses=problems(400, 422, 503))
    async def published_figures(  # noqa: PLR0913 - what a page of a period is asked by
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
        asked = published_period(first, last, today())
        async with figures.snapshot() as con:
            rows = await publishing.latest(con, carrier, *asked, _place(after))
        if len(rows) == publishing.MOST:
            answer.headers["Link"] = _next(request, rows[-1])
        return [published(row, settings.smallest_cell) for row in rows]

    return routes


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
