"""Work at the quarantine: a code is mapped, what waited is read once more and sent on, or dropped.

`buuta quarantine` and the operators' API do the same by this: a page at a time, each for good by itself, however
many reports wait. Who is interrupted begins again, and what was sent on does not wait any more.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from buuta.model.identifiers import parcel_key
from buuta.model.scan import Scan
from buuta.streaming.producer import Pair
from services.ingest.domain.codes import CodeRow
from services.ingest.domain.doubts import doubt
from services.ingest.domain.recipe import Recipe
from services.ingest.encoding import records_of
from services.ingest.quarantine import held
from services.ingest.quarantine.held import Wanted
from services.ingest.quarantine.replay import Keys, Reread, Rereader
from services.ingest.target import KeepDetails

Send = Callable[[Sequence[Pair]], Awaitable[None]]
PAGE: Final = 200
MOST_SHOWN: Final = 100
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


@dataclass(frozen=True)
class Way:
    """Where scans are sent, and where their details are kept."""

    send: Send
    keep_details: KeepDetails


@dataclass(frozen=True)
class Desk:
    """What work at the quarantine stands on; without a `way` it is only tried, and nothing is changed."""

    pool: Any
    keys: Keys
    recipes: Mapping[str, Recipe]
    way: Way | None


@dataclass
class Done:
    """How far the work has come: reports that were sent on (or would be), and those that wait on, and why.

    `after` is the last report that was looked at, `more` that others lie behind it. `new` are scans that the
    history does not have; `doubts` counts those with a time that cannot be believed, by code; `scans` are kept
    where it is only tried.
    """

    after: int = 0
    more: bool = False
    sent: int = 0
    waits: int = 0
    new: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
    why: list[tuple[int, str]] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)


async def replay(
    desk: Desk, wanted: Wanted, mapping: NewCode | None = None, after: int = 0, pages: int | None = None
) -> Done:
    """Map a code if there is one to map, and read once more what waits behind a number; at most so many pages.

    Raises:
        KafkaAway, DatabaseAway: what was done so far is done; the same again goes on.
    """
    rereader = Rereader(
        desk.pool,
        await _recipes(desk, mapping),
        desk.keys,
        None if mapping is None else mapping.format_name,
    )
    await rereader.prepare()
    done = Done(after)
    for place in count():
        page = await held.waiting(desk.pool, wanted, done.after, PAGE)
        done.more = bool(page) and place == pages
        if not page or done.more:
            return done
        found = await rereader.read(page)
        await _one_page(desk, found, done)
        done.after = page[-1].number
    raise AssertionError("pages end")


async def _recipes(desk: Desk, mapping: NewCode | None) -> Mapping[str, Recipe]:
    """The recipes as they are, with the mapping: written down for good, or only for the trial."""
    if mapping is not None and desk.way is not None:
        async with desk.pool.acquire() as con, con.transaction():
            await held.map_code(con, mapping.format_name, mapping.raw_code, mapping.row, mapping.by)
    recipes = await held.mapped(desk.pool, desk.recipes)
    if mapping is None or desk.way is not None or mapping.format_name not in recipes:
        return recipes
    return recipes | {
        mapping.format_name: held.with_meaning(
            recipes[mapping.format_name], mapping.raw_code, mapping.row, "trial"
        )
    }


async def _one_page(desk: Desk, found: Reread, done: Done) -> None:
    done.new += await _new_in_history(desk.pool, found)
    done.doubts.update(each.code for each in map(doubt, found.scans) if each is not None)
    if desk.way is None:
        done.scans += found.scans
    else:
        await _send_on(desk.pool, desk.way, desk.keys, found)
    done.sent += len(found.settled)
    done.waits += len(found.still)
    done.why += found.still[: max(MOST_SHOWN - len(done.why), 0)]


async def _new_in_history(pool: Any, found: Reread) -> int:
    """How many of the scans that would be sent on the history does not have yet."""
    keys = [parcel_key(scan.carrier, scan.number) for scan in found.scans]
    new: int = await pool.fetchval(NEW, keys, [bytes.fromhex(scan.event_id) for scan in found.scans])
    return new


async def _send_on(pool: Any, way: Way, keys: Keys, found: Reread) -> None:
    """Into the log first and then out of the quarantine: killed in between, it is sent again and counts once."""
    scans = {scan.event_id: scan for scan in found.scans}
    if found.details:
        await way.keep_details(scans, found.details)
    # Of two reports with one id and other words both go on; details belong to the id.
    sent = [scans[each.event_id] if each.event_id in found.details else each for each in found.scans]
    if sent:
        await way.send(records_of(keys.codec, sent))
    await held.settle(pool, found.settled, "replayed", "read once more")


async def drop(con: Any, wanted: Wanted, why: str) -> int:
    """Say that reports need no more looking at; returns how many. They are kept."""
    dropped = 0
    async for page in held.pages(con, wanted):
        await held.settle(con, [each.number for each in page], "dropped", why)
        dropped += len(page)
    return dropped
