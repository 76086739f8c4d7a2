"""The rates and what stands beside them, read in one snapshot."""

import asyncio
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from buuta.model.times import vietnam_day
from buuta.telemetry.clock import now_ms
from services.portal import figures as reading
from services.portal import publishing
from services.portal.domain.periods import Asked
from services.portal.figures import Figures
from services.portal.rate_answers import Lateness, Missing, Publications, Rates, rate, total
from services.portal.settings import PortalSettings
from services.portal.transit import Question, Transit


def today() -> date:
    """The day that it is in Vietnam."""
    return vietnam_day(now_ms())


class RateReader:
    """Answers what is asked of the figures."""

    def __init__(self, figures: Figures, transit: Transit, settings: PortalSettings) -> None:
        self._figures = figures
        self._transit = transit
        self._settings = settings

    async def of(self, asked: Asked) -> Rates:
        """All that is said of these parcels.

        Raises:
            Problem: the figures are busy, or what was asked took too long.
        """
        hours, (rows, beside) = await asyncio.gather(
            self._transit.of(Question(asked.period, asked.service)), self._read(asked)
        )
        settings = self._settings
        most = settings.most_unknown_share

        def made() -> Rates:
            return Rates(
                first_day=asked.period.first, last_day=asked.period.last, service=asked.service,
                counts_too=sorted(settings.choices), most_unknown_share=most, transit_as_of=hours.as_of,
                total=total(rows, settings.choices, most),
                rates=[rate(row, hours, settings.choices, most) for row in rows], **beside,
            )  # fmt: skip

        # Hundreds of carriers by provinces: not on the event loop.
        return await asyncio.to_thread(made)

    async def _read(self, asked: Asked) -> tuple[list[Any], dict[str, Any]]:
        """Sums; and beside them lateness, days without a report, and what was published."""
        until = min(asked.period.last, today() - timedelta(days=1))
        async with self._figures.snapshot() as con:
            rows = await reading.rates(con, asked)
            late = await reading.lateness(con, asked)
            gaps = await publishing.gaps(con, asked.period.first, until, asked.carrier)
            names = await reading.names(con)
            made = await publishing.published(con)
        window = self._settings.cohort_window_days
        return rows, {
            "lateness": [Lateness(**each) for each in late],
            "missing": [Missing(**asdict(gap)) for gap in gaps],
            "names": names,
            "publications": Publications(
                **made, newest_closed=publishing.last_closed(today(), window), window_days=window
            ),
        }
