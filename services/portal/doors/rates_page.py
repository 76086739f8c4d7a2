"""`/rates` and `/v1/rates.csv`: the same figures for people and for spreadsheets."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from buuta.model.units import units
from buuta.web.browsers import language_of
from buuta.web.problems import problems
from buuta.wording.carriers import known_carrier
from buuta.wording.words import Language
from services.portal.domain.periods import Asked
from services.portal.domain.spoken import Spoken
from services.portal.doors.pages import page
from services.portal.doors.rates import AskedFor
from services.portal.places import unit_name
from services.portal.rate_answers import Rates
from services.portal.rate_table import SORTS, USUAL, Order, as_csv, in_order, order_of, without_provinces
from services.portal.rates import RateReader

Sort = Annotated[
    str, Query(max_length=20, description="A column to sort by; with a minus before it downwards.")
]
CSV: Final = "text/csv; charset=utf-8"
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {CSV: {}}, "description": "A row a carrier and province."},
    **problems(400, 422, 503),
}
BY_TEXT: Final = frozenset({"carrier", "province"})
"""Texts are sorted upwards at first, figures downwards."""


class Column(NamedTuple):
    """A column that the table can be sorted by: the link that does it, and how it is sorted now (ARIA)."""

    link: str
    sorted: str


class Choice(NamedTuple):
    """What a form offers."""

    code: str
    name: str


def router(reader: RateReader) -> APIRouter:
    """The page of the rates, and the table to take away."""
    routes = APIRouter(tags=["figures"])

    @routes.get("/rates", response_class=HTMLResponse, include_in_schema=False)
    async def rates_page(request: Request, asked: AskedFor, sort: Sort = USUAL) -> HTMLResponse:
        order = order_of(sort)
        found = await reader.of(asked)
        return await asyncio.to_thread(_page, request, asked, found, order)

    @routes.get("/v1/rates.csv", summary="The rates as a table", response_class=Response, responses=ANSWERS)
    async def rates_csv(asked: AskedFor, sort: Sort = USUAL) -> Response:
        """The rows of `/v1/rates` as CSV in UTF-8, a column a field, with the names of carriers and provinces."""
        order = order_of(sort)
        found = await reader.of(asked)
        text = await asyncio.to_thread(as_csv, found, in_order(found.rates, order))
        name = f"buuta-rates-{found.first_day}-{found.last_day}.csv"
        return Response(
            text, media_type=CSV, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )

    return routes


def _page(request: Request, asked: Asked, found: Rates, order: Order) -> HTMLResponse:
    language = language_of(request)
    rows = found.rates
    if asked.carrier is None and asked.province is None:
        rows = without_provinces(rows)
    query = _query(asked, language)
    shown = in_order(rows, order)
    if found.total is not None and len(rows) > 1 and asked.carrier is None:
        shown.insert(0, found.total)
    return page(
        request, "rates",
        figures=found, rows=shown, asked=asked, say=Spoken(language),
        query=urlencode(query), carrier_name=lambda code: _carrier(found, code, language),
        link=lambda **more: f"?{urlencode({**query, **more})}", heads=_heads(query, order),
        carriers=_by_name(Choice(code, _carrier(found, code, language)) for code in _codes(found, asked)),
        provinces=_by_name(Choice(code, unit.name) for code, unit in units().items() if unit.province is None),
        province_name=unit_name,
    )  # fmt: skip


def _query(asked: Asked, language: Language) -> dict[str, str]:
    """What was asked for, to ask for it again."""
    said = {
        "from": asked.period.first.isoformat(), "to": asked.period.last.isoformat(), "carrier": asked.carrier,
        "province": asked.province, "service": asked.service, "lang": language,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _heads(query: dict[str, str], order: Order) -> dict[str, Column]:
    """The columns by what they are sorted by; a second click turns the order round."""
    heads = {}
    for name in SORTS:
        first = Order(name, downwards=name not in BY_TEXT)
        then = first.turned if order == first else first
        way = "none" if name != order.by else "descending" if order.downwards else "ascending"
        heads[name] = Column(f"?{urlencode({**query, 'sort': str(then)})}", way)
    return heads


def _carrier(found: Rates, code: str, language: Language) -> str:
    return known_carrier(code, found.names.get(code), language).short


def _codes(found: Rates, asked: Asked) -> set[str]:
    asked_for = {asked.carrier} if asked.carrier else set()
    return {*found.names, *(rate.carrier for rate in found.rates if rate.carrier), *asked_for}


def _by_name(choices: Iterable[Choice]) -> list[Choice]:
    return sorted(choices, key=lambda choice: choice.name)
