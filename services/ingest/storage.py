"""What ingest reads and writes in PostgreSQL: carriers, and how far files are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from buuta.errors import BadItem
from buuta.model.zones import VIETNAM_ZONE, Zones, named_unless_vietnam
from services.ingest.domain.entry import Standing
from services.ingest.domain.facts import Fact
from services.ingest.domain.recipe import Receipt

BEGIN_FILE: Final = """
insert into files (carrier, content_hash) values ($1, $2)
on conflict (carrier, content_hash) do update set lines_done = files.lines_done
returning lines_done, report_bytes, counts, finished_at
"""
COLUMNS: Final = """code, name, format, is_post, one_place_from, time_zone, (
  select json_object_agg(f.code, f.time_zone) from facilities f
  where f.carrier = carriers.code and f.time_zone is not null
) as zones"""
"""A carrier's, as `carrier_from` reads them."""
KEEP_FACT: Final = "insert into facts values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing"
ADVANCE_FILE: Final = """
update files set lines_done = $3, report_bytes = $4, counts = $5 where carrier = $1 and content_hash = $2
"""


@dataclass(frozen=True)
class Carrier:
    """A carrier that may report, and the format it speaks; `one_place_from` and `zones` as in `Receipt`."""

    code: str
    name: str
    format: str
    is_post: bool = False
    one_place_from: int = 0
    zones: Zones = field(default=Zones(), compare=False)

    def receipt(self, door: str, received_at: int) -> Receipt:
        """The receipt of a report of theirs by a door, at a UTC millisecond."""
        return Receipt(self.code, door, received_at, self.is_post, self.one_place_from, self.zones)


def carrier_from(row: Mapping[str, Any]) -> Carrier:
    """The carrier of a row that has `COLUMNS`."""
    zones = Zones(named_unless_vietnam(row["time_zone"]), json.loads(row["zones"] or "{}"))
    return Carrier(row["code"], row["name"], row["format"], row["is_post"], row["one_place_from"], zones)


@dataclass(frozen=True)
class FileProgress:
    """How far a file is: the last line that is done, the bytes of its report, results by name."""

    lines_done: int
    report_bytes: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class BegunFile(FileProgress):
    """A file that was begun, now or before."""

    content_hash: bytes
    finished_at: datetime | None


async def begin_file(con: Any, carrier: str, content_hash: bytes) -> BegunFile:
    """Begin a file, or find out how far an earlier run came."""
    row = await con.fetchrow(BEGIN_FILE, carrier, content_hash)
    return BegunFile(
        row["lines_done"], row["report_bytes"], json.loads(row["counts"]), content_hash, row["finished_at"]
    )


async def advance_file(con: Any, carrier: str, content_hash: bytes, done: FileProgress) -> None:
    """Note what is done."""
    counts = json.dumps(done.counts)
    await con.execute(ADVANCE_FILE, carrier, content_hash, done.lines_done, done.report_bytes, counts)


async def finish_file(con: Any, carrier: str, content_hash: bytes) -> None:
    """Note that all lines are done."""
    await con.execute(
        "update files set finished_at = now() where carrier = $1 and content_hash = $2",
        carrier,
        content_hash,
    )


async def keep_facts(con: Any, facts: Sequence[Fact]) -> None:
    """Keep facts, each once."""
    await con.executemany(KEEP_FACT, facts)


async def add_carrier(con: Any, carrier: Carrier) -> None:
    """Add a carrier; it gets keys from the locksmith."""
    await con.execute(
        "insert into carriers (code, name, format, is_post, time_zone) values ($1, $2, $3, $4, $5)",
        carrier.code,
        carrier.name,
        carrier.format,
        carrier.is_post,
        carrier.zones.own or VIETNAM_ZONE,
    )


async def be_silent_until_now(con: Any, carrier: str) -> None:
    """Nobody is told what happened to a carrier's parcels before this moment."""
    await con.execute(
        "update carriers set tells_from = greatest(tells_from, now()) where code = $1", carrier
    )


async def carriers_of(con: Any) -> dict[str, Carrier]:
    """All carriers by their codes."""
    rows = await con.fetch(f"select {COLUMNS} from carriers")  # noqa: S608 - names of our own
    return {row["code"]: carrier_from(row) for row in rows}


async def reporting(con: Any, code: str) -> Carrier:
    """The carrier of that code, which comes by itself: by a file that it left us, or a topic of its own.

    Raises:
        BadItem: there is none, or it may not report.
    """
    row = await con.fetchrow(
        f"select {COLUMNS}, status from carriers where code = $1",  # noqa: S608 - names of our own
        code,
    )
    if row is None:
        raise BadItem("carrier_unknown", "there is no carrier by the name of this folder or topic")
    if row["status"] != Standing.ACTIVE:
        raise BadItem(
            "carrier_not_active",
            f"the register says that this carrier is {row['status']}, so it may not report",
        )
    return carrier_from(row)


async def carrier_of(con: Any, code: str) -> Carrier | None:
    """The carrier of that code."""
    row = await con.fetchrow(f"select {COLUMNS} from carriers where code = $1", code)  # noqa: S608
    return None if row is None else carrier_from(row)
