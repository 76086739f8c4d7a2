"""The quarantine in PostgreSQL: what was set aside, the codes that were mapped since, and what became of it."""

import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from buuta.errors import BadItem, Unopenable
from buuta.model.statuses import DeliveryMode, Reason, Status
from buuta.storage import set_aside
from buuta.storage.background import Fault
from buuta.storage.set_aside import Aside
from buuta.storage.vault import Place, Vault
from buuta.telemetry import metrics
from services.ingest.domain.codes import CodeRow
from services.ingest.domain.personal import shown
from services.ingest.domain.recipe import Recipe

HOLD: Final = """
insert into quarantine (carrier, door, reason, received_at, sealed_as, code_hash, code, payload)
values ($1, $2, $3, to_timestamp($4 / 1000.0), $5, $6, $7, $8) on conflict (sealed_as) do nothing
"""
SUMMARY: Final = """
select carrier, reason, code_hash, count(*) as reports, min(received_at) as oldest, min(id) as example
from quarantine where state = 'waiting' group by 1, 2, 3 order by 1, 2, 3
"""
MEASURE: Final = """
select carrier, reason, count(*) as reports, min(received_at) as oldest from quarantine
where state = 'waiting' group by 1, 2
"""
CODES: Final = "select id, sealed_as, carrier, code from quarantine where id = any($1)"
COLUMNS: Final = "id, carrier, door, reason, sealed_as, code, payload, received_at, state, why"
PAGE_BYTES: Final = 1_000_000
"""A page ends at so many encrypted bytes, too; it has one report at least."""
WAITING: Final = f"""
select {COLUMNS} from (
  select *, row_number() over by_id as place, sum(octet_length(payload)) over by_id as so_far from (
    select * from quarantine
    where state = 'waiting' and ($1::text is null or carrier = $1) and ($2::bytea is null or code_hash = $2)
      and ($3::bigint is null or id = $3) and id > $4 order by id limit $5) as page
  window by_id as (order by id)) as measured
where place = 1 or so_far <= {PAGE_BYTES} order by id
"""  # noqa: S608 - names of our own
ONE: Final = f"select {COLUMNS} from quarantine where id = $1"  # noqa: S608
SETTLE: Final = """
update quarantine set state = $2, why = $3, settled_at = now() where id = any($1) and state = 'waiting'
"""
MAP: Final = """
insert into code_mappings (format, raw_code, status, reason, mode, provisional, mapped_by)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (format, raw_code) do update set id = default, status = excluded.status, reason = excluded.reason,
  mode = excluded.mode, provisional = excluded.provisional, mapped_by = excluded.mapped_by, mapped_at = now()
"""
MAPPINGS: Final = (
    "select id, format, raw_code, status, reason, mode, provisional from code_mappings order by id"
)
MARK: Final = re.compile(r"#([0-9a-f]{16})")
MARKED: Final = """
select id, sealed_as, carrier, code from quarantine where code_hash = $1 and code is not null order by id limit 1
"""
PAGE: Final = 1_000
LONGEST_CODE: Final = 100
HASH_BYTES: Final = 8


@dataclass(frozen=True)
class Held:
    """A report to be set aside, received at a UTC millisecond; what it says and its raw code are encrypted.

    `sealed_as` names its row before it has one: the encryption is bound to it.
    """

    carrier: str
    door: str
    reason: str
    received_at: int
    sealed_as: UUID
    code_hash: bytes
    code: bytes | None
    sealed: bytes


@dataclass(frozen=True)
class Source:
    """Whose report it is, by which door it came, when (UTC milliseconds), and why it is set aside."""

    carrier: str
    door: str
    reason: str
    received_at: int


def sealed(vault: Vault, source: Source, plain: bytes, raw_code: str = "") -> Held:
    """A report for the quarantine: what it says may be personal, and so may a code that nobody knows."""
    name, code = uuid4(), None
    if raw_code:
        plain_code = raw_code[:LONGEST_CODE].encode()
        code = vault.seal_directly(_place("code", name, source.carrier), plain_code)
    payload = vault.seal_directly(_place("payload", name, source.carrier), plain)
    return Held(
        source.carrier, source.door, source.reason, source.received_at, name, code_hash(vault, raw_code), code,
        payload,
    )  # fmt: skip


def code_hash(vault: Vault, raw_code: str) -> bytes:
    """What reports with this code are found by; nothing where there is none."""
    return vault.find_by("code", raw_code[:LONGEST_CODE])[:HASH_BYTES] if raw_code else b""


def hash_named(vault: Vault, said: str | None) -> bytes | None:
    """The hash of a code as people name it: as it came, or by the mark that `Waiting` shows; None stays None."""
    if said is None:
        return None
    marked = MARK.fullmatch(said)
    return bytes.fromhex(marked.group(1)) if marked else code_hash(vault, said)


async def code_named(con: Any, vault: Vault, said: str) -> str:
    """The raw code as people name it: as it came, or by its mark, while a report with it is kept.

    Raises:
        BadItem: no report has a code with this mark.
        Unopenable: another master key.
    """
    marked = MARK.fullmatch(said)
    if marked is None:
        return said
    row = await con.fetchrow(MARKED, bytes.fromhex(marked.group(1)))
    if row is None:
        raise BadItem("code_unknown", f"no report has a code with the mark {said}: buuta quarantine list")
    _, sealed_as, carrier, code = row
    return vault.open_directly(_place("code", sealed_as, carrier), code).decode()


def _place(column: str, sealed_as: UUID, carrier: str) -> Place:
    return Place(f"quarantine.{column}", sealed_as.bytes + carrier.encode())


async def hold(con: Any, reports: Sequence[Held]) -> None:
    """Put reports into quarantine; committed when this returns, or with the caller's transaction."""
    await con.executemany(HOLD, [astuple(each) for each in reports])


@dataclass(frozen=True)
class Wanted:
    """Which reports are meant; None is any. A code is given by its hash (`code_hash`)."""

    carrier: str | None = None
    code_hash: bytes | None = None
    number: int | None = None


@dataclass(frozen=True)
class HeldReport:
    """A report that was set aside; `code` and `payload` are encrypted."""

    number: int
    carrier: str
    door: str
    reason: str
    sealed_as: UUID
    code: bytes | None
    payload: bytes
    received_at: datetime
    state: str
    why: str | None

    def opened(self, vault: Vault) -> bytes:
        """What it says.

        Raises:
            Unopenable: another master key, or bytes that were changed or moved.
        """
        return vault.open_directly(_place("payload", self.sealed_as, self.carrier), self.payload)

    def readable(self, vault: Vault) -> str:
        """What it says, as it may be shown; of one that does not open, that it does not."""
        try:
            return shown(self.opened(vault))
        except Unopenable as why:
            return f"(cannot be read: {why})"

    def readable_code(self, vault: Vault) -> str | None:
        """The code as it came; None where it does not open."""
        try:
            return self.raw_code(vault)
        except Unopenable:
            return None

    def raw_code(self, vault: Vault) -> str:
        """The code as it came; nothing where it has none.

        Raises:
            Unopenable: as `opened`.
        """
        if self.code is None:
            return ""
        return vault.open_directly(_place("code", self.sealed_as, self.carrier), self.code).decode()


@dataclass(frozen=True)
class Waiting:
    """How many reports of a carrier wait for one reason and code, since when; `example` is the number of one."""

    carrier: str
    reason: str
    code_hash: bytes
    reports: int
    oldest: datetime
    example: int

    @property
    def mark(self) -> str:
        """The code as it may be shown to anybody: the beginning of its keyed hash."""
        return f"#{self.code_hash.hex()}" if self.code_hash else ""


async def summary(con: Any) -> list[Waiting]:
    """What waits, by carrier, reason and code: how many, since when."""
    return [Waiting(*row) for row in await con.fetch(SUMMARY)]


async def codes_of(con: Any, vault: Vault, rows: Sequence[Waiting]) -> dict[int, str]:
    """The raw codes of these rows by the number of their example, for who may read them; the mark of one that
    does not open."""
    found = {row.example: row.mark for row in rows}
    for number, sealed_as, carrier, code in await con.fetch(CODES, list(found)):
        if code is not None:
            with contextlib.suppress(Unopenable):
                found[number] = vault.open_directly(_place("code", sealed_as, carrier), code).decode()
    return found


async def measure(con: Any) -> None:
    """Show how much waits, and since when, by carrier and reason: a code may be anything that somebody typed."""
    now = datetime.now(UTC)
    for gauge in (metrics.INGEST_QUARANTINE, metrics.INGEST_QUARANTINE_SECONDS):
        gauge.clear()
    for row in await con.fetch(MEASURE):
        labels = (row["carrier"], row["reason"])
        metrics.INGEST_QUARANTINE.labels(*labels).set(row["reports"])
        metrics.INGEST_QUARANTINE_SECONDS.labels(*labels).set((now - row["oldest"]).total_seconds())


async def waiting(con: Any, wanted: Wanted, after: int = 0, most: int = PAGE) -> list[HeldReport]:
    """The oldest of what waits behind the number `after`, a page of them."""
    rows = await con.fetch(WAITING, wanted.carrier, wanted.code_hash, wanted.number, after, most)
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
    await set_aside.settle_all(con, "mappings", faults)
    return found


def _with_code(recipe: Recipe, row: Any, version: str) -> Recipe:
    meaning = CodeRow(
        None if row["status"] is None else Status(row["status"]),
        None if row["reason"] is None else Reason(row["reason"]),
        row["provisional"],
        None if row["mode"] is None else DeliveryMode(row["mode"]),
    )
    return with_meaning(replace(recipe, version=version), row["raw_code"], meaning, str(row["id"]))


def with_meaning(recipe: Recipe, raw_code: str, meaning: CodeRow, number: str) -> Recipe:
    """The recipe with a code that was mapped, by the mapping of that number."""
    codes = {**recipe.codes, raw_code: meaning}
    return replace(recipe, codes=codes, version=f"{recipe.version}.{number}")
