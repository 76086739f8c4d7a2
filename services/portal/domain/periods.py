"""Periods of acceptance days that figures are asked for: bounded, and cut into whole months and days."""

from datetime import date, timedelta
from typing import Final, NamedTuple

from buuta.errors import BadItem
from buuta.model.times import EARLIEST, LATEST

FIRST_DAY: Final = EARLIEST.date()
LAST_DAY: Final = LATEST.date()
"""The days in Vietnam, seven hours ahead, of all moments that a scan may have."""
MOST_DAYS: Final = 1_830
"""Five years, and some days more."""
USUAL_DAYS: Final = 367
MOST_PUBLISHED_DAYS: Final = 31
DAY: Final = timedelta(days=1)


class Period(NamedTuple):
    """Days from the first to the last, both included; none where the last comes before the first."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return max((self.last - self.first).days + 1, 0)


class Asked(NamedTuple):
    """Which figures are asked for: of a period, and of one service, carrier or province; of all with None."""

    period: Period
    service: str | None = None
    carrier: str | None = None
    province: str | None = None


NEVER: Final = Period(LAST_DAY, FIRST_DAY)


class Parts(NamedTuple):
    """A period as the days before its whole months, those months, and the days after them."""

    before: Period
    months: Period
    after: Period


def period(first: date | None, last: date | None, today: date) -> Period:
    """What is asked for; without an end until today, without a beginning a year.

    Raises:
        BadItem: it has more days than may be asked for at once, or its end comes before its beginning.
    """
    last = last or max(today, first or today)
    return _checked(Period(first or max(last - USUAL_DAYS * DAY + DAY, FIRST_DAY), last), MOST_DAYS)


def published_period(first: date | None, last: date | None, today: date) -> Period:
    """Days of published figures; without one of the two a month.

    Raises:
        BadItem: as `period`.
    """
    month = (MOST_PUBLISHED_DAYS - 1) * DAY
    last = last or (min(first + month, LAST_DAY) if first else today)
    return _checked(Period(first or max(last - month, FIRST_DAY), last), MOST_PUBLISHED_DAYS)


def _checked(asked: Period, most: int) -> Period:
    if asked.last < asked.first:
        raise BadItem("period_invalid", f"from ({asked.first}) lies after to ({asked.last})", "from")
    if asked.days > most:
        raise BadItem(
            "period_too_long",
            f"from {asked.first} to {asked.last} are {asked.days} days; at most {most} may be asked for at once",
            "from",
        )
    return asked


def parts(asked: Period) -> Parts:
    """Cut a period where months begin; without a whole month in it, all are days before."""
    begins = asked.first if asked.first.day == 1 else _next_month(asked.first)
    ends = (asked.last + DAY).replace(day=1)
    if begins >= ends:
        return Parts(asked, NEVER, NEVER)
    return Parts(Period(asked.first, begins - DAY), Period(begins, ends - DAY), Period(ends, asked.last))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + 31 * DAY).replace(day=1)
