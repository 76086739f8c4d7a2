"""Work at the quarantine: a code is mapped, what waited is read once more and sent on, or dropped.

`buuta quarantine` and the operators' API do the same by this.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from buuta.contracts.codec import Codec
from buuta.model.identifiers import parcel_key
from buuta.streaming.producer import Pair
from services.ingest.domain.recipe import CodeRow, Recipe
from services.ingest.encoding import records_of
from services.ingest.intake import KeepDetails
from services.ingest.quarantine import held
from services.ingest.quarantine.held import Wanted
from services.ingest.quarantine.replay import Keys, Reread, read_waiting

Send = Callable[[Sequence[Pair]], Awaitable[None]]
NEW: Final = """
select count(*) from unnest($1::text[], $2::bytea[]) as own (parcel_key, event_id)
where not exists (select from scans s where s.parcel_key = own.parcel_key and s.event_id = own.event_id)
"""


@dataclass(frozen=True)
class NewCode:
    """A code that is being mapped, and by whom."""

    format_name: str
    raw_code: str
    row: CodeRow
    by: str


@contextlib.asynccontextmanager
async def transaction(con: Any, *, dry_run: bool) -> AsyncIterator[None]:
    """A transaction that is committed, or in a dry run rolled back whatever was done in it."""
    work = con.transaction()
    await work.start()
    try:
        yield
    except BaseException:
        await work.rollback()
        raise
    await (work.rollback() if dry_run else work.commit())


async def reread(
    con: Any, recipes: Mapping[str, Recipe], keys: Keys, wanted: Wanted, mapping: NewCode | None = None
) -> Reread:
    """Map a code if there is one to map, and read what waits once more; in the caller's transaction."""
    if mapping is not None:
        await held.map_code(con, mapping.format_name, mapping.raw_code, mapping.row, mapping.by)
    format_name = None if mapping is None else mapping.format_name
    return await read_waiting(con, wanted, await held.mapped(con, recipes), keys, format_name)


async def new_in_history(con: Any, found: Reread) -> int:
    """How many of the scans that would be sent on the history does not have yet."""
    keys = [parcel_key(scan.carrier, scan.number) for scan in found.scans]
    new: int = await con.fetchval(NEW, keys, [bytes.fromhex(scan.event_id) for scan in found.scans])
    return new


@dataclass(frozen=True)
class Way:
    """Where scans are sent, and where their details are kept."""

    send: Send
    keep_details: KeepDetails


async def send_on(con: Any, way: Way, codec: Codec, found: Reread) -> None:
    """Into the log first and then out of the quarantine: killed in between, it is sent again and counts once."""
    scans = {scan.event_id: scan for scan in found.scans}
    if found.details:
        await way.keep_details(scans, found.details)
    await way.send(records_of(codec, scans.values()))
    await held.settle(con, found.settled, "replayed", "read once more")


async def drop(con: Any, wanted: Wanted, why: str) -> int:
    """Say that reports need no more looking at; returns how many. They are kept."""
    dropped = 0
    async for page in held.pages(con, wanted):
        await held.settle(con, [each.number for each in page], "dropped", why)
        dropped += len(page)
    return dropped
