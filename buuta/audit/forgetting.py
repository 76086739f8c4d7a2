"""Forgetting a parcel: its key, all that it sealed, and whatever else tells of its people, in one transaction.

What stays are scans, states and figures, which hold nobody's name, number or address.
"""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from buuta.errors import BadItem, Unopenable
from buuta.model.identifiers import SHARED, split_key
from buuta.storage import contacts, secrets
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Vault
from services.ingest.domain.gs1 import thing_of
from services.ingest.quarantine import held
from services.ingest.quarantine.held import HeldReport

PEOPLE: Final = """
with named as (
  select registration_id, person_hash from registrations
  where carrier = any($1) and number = $2 and person_hash is not null for update
), erased as (
  update registrations r set contacts = null, person_hash = null from named
  where r.registration_id = named.registration_id
)
select person_hash from named
"""
BY_NUMBER: Final = {
    "answers to shippers": """
        delete from idempotency i where exists (select from registrations r
          where r.carrier = any($1) and r.number = $2 and position(r.registration_id::text in i.answer) > 0)""",
    "manifests": """
        update manifests set numbers = array_remove(numbers, $2) where carrier = any($1) and $2 = any(numbers)""",
    "EPCIS packings": "delete from epcis_packings where carrier = any($1) and child = $2",
    "EPCIS effects": "delete from epcis_effects where carrier = any($1) and thing = $2",
    "EPCIS events": """
        update epcis_events e set things = array_remove(things, $2) where carrier = any($1) and $2 = any(things)
          and not exists (select from epcis_packings p where p.carrier = e.carrier and p.parent = $2)""",
    "EPCIS events alone": "delete from epcis_events where carrier = any($1) and $2 <> '' and things = '{}'",
    "facts": "delete from facts where carrier = any($1) and number = $2",
}
"""What is kept of a parcel by carriers and number; a thing that holds other parcels stays for their sake."""
BY_KEY: Final = {
    "lanes of messages": "delete from message_lanes where parcel_key = $1",
    "messages": "delete from messages where parcel_key = $1 and state <> 'submitting'",
    "answers to carriers": """
        delete from answered a where exists (select from scans s where s.parcel_key = $1
          and position(convert_to(encode(s.event_id, 'hex'), 'UTF8') in a.answer) > 0)""",
}
KNOWN: Final = """
select exists (select from scans where parcel_key = $1) or exists (select from parcels where parcel_key = $1)
  or exists (select from registrations where carrier = any($2) and number = $3)
"""
POSTS: Final = "select code from carriers where is_post"
REPORTS: Final = f"""
select {held.COLUMNS} from quarantine where carrier = any($1) and id > $2 order by id limit 1000
"""  # noqa: S608 - names of our own
ERASE: Final = "delete from quarantine where id = any($1)"


@dataclass
class Forgotten:
    """How much was erased, by what it was; `unread` reports in quarantine do not open, so nobody looked."""

    erased: dict[str, int] = field(default_factory=dict)
    unread: int = 0


async def is_known(con: Any, key: str) -> bool:
    """Whether a scan, a state or a registration of this parcel is kept."""
    carrier, number = split_key(key)
    known: bool = await con.fetchval(KNOWN, key, await _carriers(con, carrier), number)
    return known


async def _carriers(con: Any, owner: str) -> list[str]:
    """Who reports a parcel of this owner: of one that posts share, all posts."""
    return [code for [code] in await con.fetch(POSTS)] if owner == SHARED else [owner]


async def forget(pool: Any, vault: Vault, key: str) -> Forgotten:
    """Forget all that is personal of a parcel.

    Raises:
        BadItem: nothing is known of it.
    """
    carrier, number = split_key(key)
    async with pool.acquire() as con:
        await unlock(con, vault)
        carriers = await _carriers(con, carrier)
        reports, unread = await _reports(con, vault, carriers, number)
        async with con.transaction():
            known = await con.fetchval(KNOWN, key, carriers, number)
            found = Forgotten(await _erase(con, vault, key, carriers), unread)
            if reports:
                await con.execute(ERASE, reports)
                found.erased["reports in quarantine"] = len(reports)
    if not known and not found.erased:
        raise BadItem("parcel_unknown", f"nothing is known of {carrier}/{number}; check carrier and number")
    return found


async def _erase(con: Any, vault: Vault, key: str, carriers: Sequence[str]) -> dict[str, int]:
    """Erase by key and number, in the caller's transaction; returns how much, by what it was."""
    number, erased = split_key(key)[1], {}
    erased["details and destinations"] = int(await secrets.forget(con, vault, key))
    for name, sql in BY_NUMBER.items():
        erased[name] = _count(await con.execute(sql, carriers, number))
    for name, sql in BY_KEY.items():
        erased[name] = _count(await con.execute(sql, key))
    people = [person for [person] in await con.fetch(PEOPLE, carriers, number)]
    erased["contacts"] = len(people)
    for person in sorted(set(people)):
        await contacts.forget_unused(con, person)
    return {name: count for name, count in erased.items() if count}


def _count(tag: str) -> int:
    """The rows of a command's tag such as `DELETE 3`."""
    return int(tag.split()[-1])


async def _reports(con: Any, vault: Vault, carriers: Sequence[str], number: str) -> tuple[list[int], int]:
    """The numbers of the reports in quarantine that tell of a parcel, and how many do not open."""
    telling, unread = [], 0
    async for report in _all_reports(con, carriers):
        try:
            plain = report.opened(vault)
        except Unopenable:
            unread += 1
            continue
        if tells_of(plain, number):
            telling.append(report.number)
    return telling, unread


async def _all_reports(con: Any, carriers: Sequence[str]) -> AsyncIterator[HeldReport]:
    after = 0
    while rows := await con.fetch(REPORTS, list(carriers), after):
        for row in rows:
            yield HeldReport(*row)
        after = rows[-1]["id"]


def tells_of(plain: bytes, number: str) -> bool:
    """Whether a payload names a parcel's number as such, and not as a part of another number.

    A payload that is no JSON is bytes of which nobody knows the ends of words: there a part is enough.
    """
    try:
        texts = list(_texts(json.loads(plain)))
    except (ValueError, RecursionError):
        return number.encode() in b"".join(plain.upper().split())
    # Whatever counts as white space somewhere may stand within the number: more is found, and never less.
    whole = re.compile(r"(?<![A-Z0-9])" + r"\s*".join(map(re.escape, number)) + r"(?![A-Z0-9])", re.UNICODE)
    return any(whole.search(each.upper()) for text in texts for each in _readings(text))


def _readings(text: str) -> Iterator[str]:
    """A text as it is, and where it is a URI, what that names: of an SSCC it does not have all digits in a row."""
    yield text
    if ":" in text:
        yield unquote(text)
        with contextlib.suppress(BadItem):
            yield thing_of(text).name


def _texts(said: Any) -> Iterator[str]:
    """Every text and number in a JSON value, names of fields included."""
    if isinstance(said, dict):
        for name, value in said.items():
            yield name
            yield from _texts(value)
    elif isinstance(said, list):
        for value in said:
            yield from _texts(value)
    elif said is not None:
        yield str(said)
