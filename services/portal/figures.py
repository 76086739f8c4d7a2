"""Figures for everybody: a few connections of their own, and statements that end.

Whoever asks for figures waits for others that do, never a registration or a tracking page for them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import structlog

from buuta.errors import DatabaseAway
from buuta.storage.bounded import BoundedPool, Silence
from buuta.web.problems import Problem
from services.portal.domain.periods import Asked, Period, parts
from services.portal.domain.rates import COUNTS
from services.portal.settings import PortalSettings

log = structlog.get_logger()
SUMS: Final = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTS)
LISTED: Final = ", ".join(COUNTS)
OF_SERVICE: Final = "($7::text is null or service = $7)"
DAYS: Final = f"(day between $1 and $2 or day between $5 and $6) and {OF_SERVICE}"
MONTHS: Final = f"day between $3 and $4 and {OF_SERVICE}"
OF_CARRIER: Final = "($8::text is null or carrier = $8)"
RATES: Final = f"""
with by_province as (
  select carrier, province, {SUMS} from (
    select carrier, province, {LISTED} from rate_days where {DAYS} and {OF_CARRIER} union all
    select carrier, province, {LISTED} from rate_months where {MONTHS} and {OF_CARRIER}
  ) as asked group by carrier, province
)
select * from by_province where $9::text is null or province = $9 union all
select carrier, null, {SUMS} from by_province where $9 is null group by carrier
order by carrier, province nulls first
"""  # noqa: S608 - names from this file
TRANSIT: Final = f"""
with by_hours as (
  select carrier, province, hours, sum(parcels) as parcels from (
    select carrier, province, hours, parcels from transit_cells where {DAYS} union all
    select carrier, province, hours, parcels from transit_months where {MONTHS}
  ) as asked group by carrier, province, hours
), every_hours as (
  select * from by_hours union all
  select carrier, null, hours, sum(parcels) from by_hours group by carrier, hours
), spread as (
  select carrier, province, hours, sum(parcels) over (partition by carrier, province order by hours) as upto,
    sum(parcels) over (partition by carrier, province) as whole from every_hours
)
select carrier, province, min(hours) filter (where upto >= 0.5 * whole) as transit_p50,
  min(hours) filter (where upto >= 0.9 * whole) as transit_p90,
  min(hours) filter (where upto >= 0.95 * whole) as transit_p95
from spread where upto > 0 group by carrier, province
"""  # noqa: S608 - names from this file
LATENESS: Final = """
with by_minutes as (
  select carrier, minutes, sum(scans) as scans from lateness_cells
  where day between $1 and $2 and ($3::text is null or carrier = $3) group by 1, 2
), spread as (
  select carrier, minutes, sum(scans) over (partition by carrier order by minutes) as upto,
    sum(scans) over (partition by carrier) as whole from by_minutes
)
select carrier, max(whole)::bigint as scans,
  greatest(min(minutes) filter (where upto >= 0.5 * whole), 0) as p50_minutes,
  greatest(min(minutes) filter (where upto >= 0.95 * whole), 0) as p95_minutes,
  greatest(min(minutes) filter (where upto >= 0.99 * whole), 0) as p99_minutes,
  round(coalesce(max(upto) filter (where minutes < 0), 0) / max(whole), 6)::float as ahead_share
from spread where upto > 0 group by carrier order by carrier
"""
PATIENT_SECONDS: Final = 60
MAY_LIMIT: Final = "select has_parameter_privilege('temp_file_limit', 'set')"


async def rates(con: Any, asked: Asked) -> list[Any]:
    """Sums by carrier and province, and by carrier alone: whole months, and the days around them.

    Where one province is asked for, of that alone.
    """
    cut = parts(asked.period)
    days = (*cut.before, *cut.months, *cut.after)
    rows: list[Any] = await con.fetch(RATES, *days, asked.service, asked.carrier, asked.province)
    return rows


async def transit(con: Any, asked: Period, service: str | None) -> list[Any]:
    """Hours within which so many parcels were delivered, by carrier and province, and by carrier alone."""
    cut = parts(asked)
    rows: list[Any] = await con.fetch(TRANSIT, *cut.before, *cut.months, *cut.after, service)
    return rows


async def lateness(con: Any, asked: Asked) -> list[Any]:
    """How late each carrier's scans of these days of receipt were received: quantiles in minutes."""
    rows: list[Any] = await con.fetch(LATENESS, *asked.period, asked.carrier)
    return rows


async def names(con: Any) -> dict[str, str]:
    """Names of the carriers, by code."""
    return dict(await con.fetch("select code, name from carriers"))


TOO_SLOW: Final = (
    asyncpg.QueryCanceledError, asyncpg.ConfigurationLimitExceededError, asyncpg.LockNotAvailableError,
    DatabaseAway,
)  # fmt: skip


class Figures:
    """The connections that figures are read on, each for so many seconds."""

    def __init__(self, pool: Any, seconds: float, silence: Silence) -> None:
        self._pool = BoundedPool(pool, seconds, silence)
        self._patient = self._pool.patient(PATIENT_SECONDS)
        self._seconds = seconds
        self._silence = silence

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Any]:
        """A connection in one snapshot, when it is our turn.

        Raises:
            DatabaseAway: PostgreSQL is silent.
            Problem: all are busy, or what was asked took too long.
        """
        try:
            async with (
                self._pool.acquire() as con,
                con.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield con
        except TOO_SLOW as slow:
            if self._silence.lasts:
                raise
            log.warning("figures_too_slow", why=type(slow).__name__)
            raise _busy(self._seconds) from None

    @contextlib.asynccontextmanager
    async def patiently(self) -> AsyncIterator[Any]:
        """A connection for what nobody waits for, whose statements may take `PATIENT_SECONDS`.

        Raises:
            DatabaseAway: there is none, or it took longer.
        """
        async with self._patient.acquire() as con, con.transaction(readonly=True):
            await con.execute(f"set local statement_timeout = '{PATIENT_SECONDS}s'")
            yield con


def _busy(seconds: float) -> Problem:
    return Problem(
        503, "figures_busy", f"the figures were not read within {seconds:g} s: ask for fewer days, or later",
        {"Retry-After": "5"},
    )  # fmt: skip


@contextlib.asynccontextmanager
async def opened(settings: PortalSettings, silence: Silence) -> AsyncIterator[Figures]:
    """A pool of few connections whose statements end by themselves, and fill no disk."""
    milliseconds = str(int(settings.figures_seconds * 1000))
    pool = await asyncpg.create_pool(
        str(settings.database),
        min_size=0,
        max_size=settings.figures_pool,
        timeout=5,
        command_timeout=PATIENT_SECONDS + 1,
        server_settings={
            "application_name": "portal figures", "default_transaction_read_only": "on",
            "statement_timeout": milliseconds, "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds, "work_mem": "64MB",
            "jit": "off",
        },
        setup=_limit(settings.figures_temp_mb),
    )  # fmt: skip
    try:
        yield Figures(pool, settings.figures_seconds, silence)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                await pool.close()
        pool.terminate()


def _limit(megabytes: int) -> Any:
    """What is done with each connection that is lent: giving one back resets its settings."""
    allowed: list[bool] = []

    async def limit(con: Any) -> None:
        if not allowed:
            allowed.append(await con.fetchval(MAY_LIMIT))
            if not allowed[0]:
                log.warning(
                    "temp_file_limit_not_set", fix="grant set on parameter temp_file_limit to our role"
                )
        if allowed[0]:
            await con.execute(f"set temp_file_limit = '{megabytes}MB'")

    return limit
