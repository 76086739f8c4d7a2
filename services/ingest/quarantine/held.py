"""The quarantine in PostgreSQL: what was set aside, the codes that were mapped since, and what became of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from buuta.model.statuses import DeliveryMode, Reason, Status
from buuta.storage import set_aside
from buuta.storage.background import Fault
from buuta.storage.set_aside import Aside
from buuta.telemetry import metrics
from services.ingest.domain.recipe import CodeRow, Recipe, shown_code

HOLD: Final = """
insert into quarantine (carrier, door, reason, raw_code, received_at, payload)
values ($1, $2, $3, $4, to_timestamp($5 / 1000.0), $6)
"""
SUMMARY: Final = """
select carrier, reason, raw_code, count(*) as reports, min(received_at) as oldest from quarantine
where state = 'waiting' group by 1, 2, 3 order by 1, 2, 3
"""
WAITING: Final = """
select id, carrier, door, reason, raw_code, payload, received_at, state, why from quarantine
where state = 'waiting' and ($1::text is null or carrier = $1) and ($2::text is null or raw_code = $2)
  and ($3::bigint is null or id = $3) and id > $4 order by id limit $5
"""
ONE: Final = """
select id, carrier, door, reason, raw_code, payload, received_at, state, why from quarantine where id = $1
"""
SETTLE: Final = """
update quarantine set state = $2, why = $3, settled_at = now() where id = any($1) and state = 'waiting'
"""
MAP: Final = """
insert into code_mappings (format, raw_code, status, reason, mode, provisional, mapped_by)
values ($1, $2, $3, $4, $5, $6, $7)
"""
UNMAP: Final = "delete from code_mappings where format = $1 and raw_code = $2"
MAPPINGS: Final = (
    "select id, format, raw_code, status, reason, mode, provisional from code_mappings order by id"
)
PAGE: Final = 1_000
MOST_LABELS: Final = 200


@dataclass(frozen=True)
class Held:
    """A report to be set aside, received at a UTC millisecond; `sealed` is its encrypted payload."""

    carrier: str
    door: str
    reason: str
    raw_code: str
    received_at: int
    sealed: bytes


async def hold(con: Any, reports: Sequence[Held]) -> None:
    """Put reports into quarantine; committed when this returns, or with the caller's transaction."""
    await con.executemany(HOLD, [astuple(each) for each in reports])


@dataclass(frozen=True)
class Wanted:
    """Which reports are meant; None is any."""

    carrier: str | None = None
    raw_code: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class HeldReport:
    """A report that was set aside; `payload` is encrypted."""

    number: int
    carrier: str
    door: str
    reason: str
    raw_code: str
    payload: bytes
    received_at: datetime
    state: str
    why: str | None


async def summary(con: Any) -> Sequence[Any]:
    """What waits, by carrier, reason and code: how many, since when."""
    rows: Sequence[Any] = await con.fetch(SUMMARY)
    return rows


async def measure(con: Any) -> None:
    """Show how much waits, and since when; of many codes those that wait for longest."""
    rows = sorted(await summary(con), key=lambda row: row["oldest"])[:MOST_LABELS]
    now = datetime.now(UTC)
    for gauge in (metrics.INGEST_QUARANTINE, metrics.INGEST_QUARANTINE_SECONDS):
        gauge.clear()
    for row in rows:
        labels = (row["carrier"], row["reason"], shown_code(row["raw_code"]))
        metrics.INGEST_QUARANTINE.labels(*labels).set(row["reports"])
        metrics.INGEST_QUARANTINE_SECONDS.labels(*labels).set((now - row["oldest"]).total_seconds())


async def waiting(con: Any, wanted: Wanted, after: int = 0) -> list[HeldReport]:
    """The oldest of what waits behind the number `after`, a page of them."""
    rows = await con.fetch(WAITING, wanted.carrier, wanted.raw_code, wanted.number, after, PAGE)
    return [HeldReport(*row) for row in rows]


async def pages(con: Any, wanted: Wanted) -> AsyncIterator[list[HeldReport]]:
    """All that waits, page after page."""
    after = 0
    while page := await waiting(con, wanted, after):
        yield page
        after = page[-1].number


async def one(con: Any, number: int) -> HeldReport | None:
    """One report, whatever became of it."""
    row = await con.fetchrow(ONE, number)
    return None if row is None else HeldReport(*row)


async def settle(con: Any, numbers: Sequence[int], state: str, why: str) -> None:
    """Say what became of reports: `replayed` or `dropped`."""
    await con.execute(SETTLE, list(numbers), state, why)


async def map_code(con: Any, format_name: str, raw_code: str, row: CodeRow, by: str) -> None:
    """Map a code, or map it anew, by a mapping with a number of its own. In the caller's transaction."""
    await con.execute(UNMAP, format_name, raw_code)
    await con.execute(MAP, format_name, raw_code, row.status, row.reason, row.mode, row.provisional, by)


async def mapped(con: Any, recipes: Mapping[str, Recipe]) -> dict[str, Recipe]:
    """The recipes with the codes that people mapped since; a scan's mapping version names the last of them."""
    found, faults = dict(recipes), []
    for row in await con.fetch(MAPPINGS):
        recipe = found.get(row["format"])
        try:
            if recipe is not None:
                found[row["format"]] = _with_code(recipe, row, recipes[row["format"]].version)
        except ValueError as why:
            # A status that only newer code knows: that mapping alone waits for it.
            faults.append(Fault(Aside(str(row["id"])), why))
    await set_aside.failed(con, "mappings", faults)
    return found


def _with_code(recipe: Recipe, row: Any, version: str) -> Recipe:
    meaning = CodeRow(
        None if row["status"] is None else Status(row["status"]),
        None if row["reason"] is None else Reason(row["reason"]),
        row["provisional"],
        None if row["mode"] is None else DeliveryMode(row["mode"]),
    )
    codes = {**recipe.codes, row["raw_code"]: meaning}
    return replace(recipe, codes=codes, version=f"{version}.{row['id']}")
