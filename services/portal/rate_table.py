"""A table of rates: which rows are shown, in which order, and as CSV."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from buuta.errors import BadItem
from services.portal.places import unit_name
from services.portal.rate_answers import Bounds, Rate, Rates

SORTS: Final[dict[str, Callable[[Rate], Any]]] = {
    "carrier": lambda rate: rate.carrier,
    "province": lambda rate: rate.province,
    "at_least": lambda rate: rate.net.at_least,
    "at_most": lambda rate: rate.net.at_most,
    "delivered": lambda rate: rate.net.of,
    "unknown": lambda rate: rate.unknown_share,
    "first_attempt": lambda rate: rate.first_attempt_share,
    "on_time": lambda rate: rate.on_time_share,
    "hours": lambda rate: rate.transit_p50,
    "accepted": lambda rate: rate.accepted,
    "returned": lambda rate: rate.returned,
    "lost": lambda rate: rate.lost,
}
"""By what a table may be sorted; with a minus before it the greatest comes first."""
USUAL: Final = "carrier"


class Order(NamedTuple):
    """By which of `SORTS` rows are sorted, and whether the greatest comes first."""

    by: str
    downwards: bool = False

    @property
    def turned(self) -> "Order":
        """The other way round."""
        return self._replace(downwards=not self.downwards)

    def __str__(self) -> str:
        return f"-{self.by}" if self.downwards else self.by


def order_of(sort: str) -> Order:
    """The order that is asked for.

    Raises:
        BadItem: nothing is sorted by that.
    """
    order = Order(sort.removeprefix("-"), sort.startswith("-"))
    if order.by not in SORTS:
        raise BadItem(
            "sort_unknown",
            f"sort is one of {', '.join(SORTS)}, with a minus before it for downwards",
            "sort",
        )
    return order


def in_order(rates: Iterable[Rate], order: Order) -> list[Rate]:
    """The rows in an order; what has no value comes last either way."""
    value = SORTS[order.by]
    by_place = sorted(rates, key=lambda rate: (rate.carrier or "", rate.province or ""))
    known = [rate for rate in by_place if value(rate) is not None]
    return [
        *sorted(known, key=value, reverse=order.downwards),
        *(rate for rate in by_place if value(rate) is None),
    ]


def without_provinces(rates: Iterable[Rate]) -> list[Rate]:
    """A row a carrier: all its provinces together."""
    return [rate for rate in rates if rate.province is None]


RANGES: Final = ("net", "gross")
PLAIN: Final = tuple(name for name in Rate.model_fields if name not in RANGES)
BOUNDS: Final = tuple(f"{name}_{bound}" for name in RANGES for bound in Bounds.model_fields)
HEAD: Final = ("first_day", "last_day", "carrier_name", "province_name", *PLAIN, *BOUNDS)


def as_csv(found: Rates, rates: Iterable[Rate]) -> str:
    """Rows as CSV with a byte-order mark, by which spreadsheets know that it is UTF-8."""
    text = io.StringIO()
    text.write("\ufeff")
    table = csv.writer(text)
    table.writerow(HEAD)
    table.writerows(_line(found, rate) for rate in rates)
    return text.getvalue()


def _line(found: Rates, rate: Rate) -> list[Any]:
    name = "all" if rate.province is None else unit_name(rate.province)
    ranges = [getattr(getattr(rate, each), bound) for each in RANGES for bound in Bounds.model_fields]
    plain = [getattr(rate, each) for each in PLAIN]
    return [
        found.first_day, found.last_day, found.names.get(rate.carrier or "", rate.carrier), name, *plain, *ranges,
    ]  # fmt: skip
