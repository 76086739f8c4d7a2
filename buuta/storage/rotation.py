"""Rotating the master key while everything runs: every wrapped key and directly sealed value is taken over.

Batches are small, and a row is written only if it still holds what was read: nobody waits for it, and what is
forgotten meanwhile stays forgotten. Killed, it goes on where something is left.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from buuta.errors import Unopenable
from buuta.storage.vault import MASTER_ID_BYTES, Owned, Place, Vault

BATCH: Final = 500
Take = Callable[[Vault, bytes, bytes], bytes]
"""What a value becomes under the current master key, of what its row is named by and the value."""


@dataclass(frozen=True)
class Column:
    """Where values lie that a master key wrapped or sealed; `row` is SQL for what each is bound to."""

    table: str
    key: str
    name: str
    row: str
    take: Take

    @property
    def title(self) -> str:
        """The column as people read it."""
        return f"{self.table}.{self.name}"


def _wrapped(vault: Vault, row: bytes, value: bytes) -> bytes:
    return vault.rewrapped(Owned(row, value))


def _sealed(column: str) -> Take:
    def take(vault: Vault, row: bytes, value: bytes) -> bytes:
        place = Place(column, row)
        return vault.seal_directly(place, vault.open_directly(place, value))

    return take


REPORT: Final = "uuid_send(sealed_as) || convert_to(carrier, 'UTF8')"
COLUMNS: Final = (
    Column("vault_keys", "purpose", "wrapped", "convert_to(purpose, 'UTF8')", _wrapped),
    Column("persons", "person_hash", "wrapped_key", "person_hash", _wrapped),
    Column("parcel_secrets", "key_hash", "wrapped_key", "key_hash", _wrapped),
    Column("carrier_keys", "id", "sealed", "hash", _sealed("carrier_keys.sealed")),
    Column("polls", "carrier", "secret", "convert_to(carrier, 'UTF8')", _sealed("polls.secret")),
    Column("quarantine", "id", "code", REPORT, _sealed("quarantine.code")),
    Column("quarantine", "id", "payload", REPORT, _sealed("quarantine.payload")),
)
"""All that depends on a master key; a test holds every column that begins with a key's id against it."""


@dataclass
class Rotated:
    """What became of a column's values: taken over, left since they do not open, changed by somebody meanwhile."""

    taken: int = 0
    unopenable: list[str] = field(default_factory=list)
    changed: int = 0


@dataclass(frozen=True)
class Standing:
    """How many values of a column lie under which master key, by its id in hex."""

    title: str
    master: str
    values: int


async def rotate(pool: Any, vault: Vault) -> dict[str, Rotated]:
    """Take all over to the current master key; returns what became of each column's values."""
    return {column.title: await _rotate(pool, vault, column) for column in COLUMNS}


async def _rotate(pool: Any, vault: Vault, column: Column) -> Rotated:
    """Go once through a column in the order of its key, so that what does not open holds nothing up."""
    rotated, after = Rotated(), None
    while rows := await pool.fetch(_page(column, begun=after is not None), *_given(vault, after)):
        for key, row, value in rows:
            await _take(pool, vault, column, rotated, (key, row, value))
        after = rows[-1][0]
    return rotated


async def _take(
    pool: Any, vault: Vault, column: Column, rotated: Rotated, found: tuple[Any, bytes, bytes]
) -> None:
    key, row, value = found
    try:
        taken = column.take(vault, row, value)
    except Unopenable:
        rotated.unopenable.append(key.hex() if isinstance(key, bytes) else str(key))
        return
    update = f"update {column.table} set {column.name} = $1 where {column.key} = $2 and {column.name} = $3"  # noqa: S608
    if await pool.execute(update, taken, key, value) == "UPDATE 1":
        rotated.taken += 1
    else:
        rotated.changed += 1


def _page(column: Column, *, begun: bool) -> str:
    """The next rows that another master key wrapped or sealed."""
    behind = f"and {column.key} > $2" if begun else ""
    return (
        f"select {column.key}, {column.row}, {column.name} from {column.table} "  # noqa: S608 - names of our own
        f"where substr({column.name}, 1, {MASTER_ID_BYTES}) <> $1 {behind} order by {column.key} limit {BATCH}"
    )


def _given(vault: Vault, after: Any) -> tuple[Any, ...]:
    return (vault.master_id,) if after is None else (vault.master_id, after)


async def standing(con: Any) -> list[Standing]:
    """Under which master keys everything lies; rotation is over when none is left but the current one."""
    found = []
    for column in COLUMNS:
        rows = await con.fetch(
            f"select encode(substr({column.name}, 1, {MASTER_ID_BYTES}), 'hex') as master, count(*) as n "  # noqa: S608
            f"from {column.table} where {column.name} is not null group by 1 order by 1"
        )
        found += [Standing(column.title, row["master"], row["n"]) for row in rows]
    return found
