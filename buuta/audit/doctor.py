"""`buuta doctor`: what is missing for a deployment to work, each with what mends it. It changes nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import aiosmtplib
import asyncpg
import httpx

from buuta.causes import because
from buuta.errors import BuutaError
from buuta.settings import SharedSettings, is_loopback
from buuta.storage.migrate import missing
from buuta.storage.unlocking import FIND, locked_vault
from buuta.streaming.topics import Part, differences, together
from services.ingest.domain.recipe import Recipe
from services.notifier.channels.email import client_of, enter
from services.notifier.settings import NotifierSettings

OLDEST_POSTGRESQL: Final = 16
SECONDS: Final = 5.0
CARRIERS: Final = """
select c.code, c.format, count(k.id) filter (where k.expires_at is null or k.expires_at > now()) as keys
from carriers c left join carrier_keys k on k.carrier = c.code group by c.code, c.format order by c.code
"""
SHIPPERS: Final = """
select s.code, count(k.id) filter (where k.expires_at is null or k.expires_at > now()) as keys
from shippers s left join access_keys k on k.kind = 'shipper' and k.holder = s.code group by s.code order by s.code
"""
MAPPED: Final = "select distinct format from code_mappings"


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    LOOK = "look"
    MISSING = "missing"


@dataclass(frozen=True)
class Found:
    """What was found of a part, and what mends it where it is not as it should be."""

    state: State
    part: str
    says: str
    fix: str = ""


TOPICS: Final[Mapping[Part, tuple[State, str]]] = {
    Part.TOPIC: (State.MISSING, "buuta topics create"),
    Part.PARTITIONS: (
        State.MISSING,
        "set BUUTA_PARTITIONS to what the topic has; more of them: buuta partitions copy, then move",
    ),
    Part.COPIES: (State.LOOK, "kafka-reassign-partitions of Kafka adds copies"),
    Part.SETTING: (State.LOOK, "kafka-configs of Kafka changes it"),
}
"""How much it matters what of a topic differs, and what mends it."""
Look = Callable[[], Awaitable[list[Found]]]


def ok(part: str, says: str) -> list[Found]:
    """It is as it should be."""
    return [Found(State.OK, part, says)]


def lacks(part: str, says: str, fix: str) -> list[Found]:
    """Without it something does not work."""
    return [Found(State.MISSING, part, says, fix)]


def look_at(part: str, says: str, fix: str) -> list[Found]:
    """It works, and may be a mistake."""
    return [Found(State.LOOK, part, says, fix)]


async def examine(own: NotifierSettings, recipes: Mapping[str, Recipe]) -> list[Found]:
    """Look at every part; one that does not answer hides none of the others."""
    looks: Sequence[Look] = (
        lambda: database(own, recipes), lambda: kafka(own), lambda: registry(own), lambda: mail_relay(own),
        lambda: smsc(own), lambda: public_url(own),
    )  # fmt: skip
    return [each for found in await asyncio.gather(*(look() for look in looks)) for each in found]


async def database(own: SharedSettings, recipes: Mapping[str, Recipe]) -> list[Found]:
    """PostgreSQL, its migrations, its clock, and what lies in it: the master key's mark, carriers, shippers."""
    try:
        async with _connected(own) as con:
            return [
                *_version(con),
                *await _migrations(con),
                *await _clock(con, own.clock_limit),
                *await _in_the_tables(con, own, recipes),
            ]
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as away:
        fix = "start PostgreSQL 16 or newer, create a user and a database, and set BUUTA_DATABASE"
        return lacks("PostgreSQL", f"it does not answer: {because(away)}", fix)


@contextlib.asynccontextmanager
async def _connected(own: SharedSettings) -> AsyncIterator[Any]:
    con = await asyncpg.connect(str(own.database), timeout=SECONDS, command_timeout=SECONDS)
    try:
        yield con
    finally:
        await con.close(timeout=SECONDS)


def _version(con: Any) -> list[Found]:
    version = con.get_server_version()
    if version.major < OLDEST_POSTGRESQL:
        fix = f"use PostgreSQL {OLDEST_POSTGRESQL} or newer"
        return lacks("PostgreSQL", f"it is version {version.major}", fix)
    return ok("PostgreSQL", f"version {version.major} answers")


async def _migrations(con: Any) -> list[Found]:
    left = await missing(con)
    if left:
        return lacks("migrations", f"{len(left)} are not applied, from {left[0]} on", "buuta migrate")
    return ok("migrations", "all are applied")


async def _clock(con: Any, limit: float) -> list[Found]:
    sent = time.time()
    theirs = (await con.fetchval("select extract(epoch from clock_timestamp())::float8")) - sent
    if abs(theirs) > limit:
        says = f"PostgreSQL's is {theirs:+.0f} s from this machine's; {limit:.0f} s may be"
        return lacks("clock", says, "keep both by NTP: timedatectl set-ntp true")
    return ok("clock", f"PostgreSQL's differs by {abs(theirs):.1f} s")


async def _in_the_tables(con: Any, own: SharedSettings, recipes: Mapping[str, Recipe]) -> list[Found]:
    """What lies in tables that may not be there yet."""
    try:
        return [
            *await _master_key(con, own),
            *await _carriers(con, recipes),
            *await _shippers(con),
        ]
    except asyncpg.UndefinedTableError:
        return []


async def _master_key(con: Any, own: SharedSettings) -> list[Found]:
    part, new = (
        "master key",
        "BUUTA_MASTER_KEY=$(buuta keys new), kept where it is not lost: without it nothing opens",
    )
    if not own.master_key.get_secret_value():
        return lacks(part, "BUUTA_MASTER_KEY is not set", new)
    try:
        vault, wrapped = locked_vault(own), await con.fetchval(FIND)
        if wrapped is None:
            return ok(part, "this database has none yet; the first service to start writes under yours")
        vault.unlock(wrapped)
    except BuutaError as wrong:
        return lacks(part, str(wrong), "give the key that this database was written under")
    return ok(part, "it opens what this database holds")


async def _carriers(con: Any, recipes: Mapping[str, Recipe]) -> list[Found]:
    rows, mapped = await con.fetch(CARRIERS), {row["format"] for row in await con.fetch(MAPPED)}
    if not rows:
        fix = 'buuta carrier add ghn --name "Giao Hàng Nhanh" --format ghn'
        return lacks("carriers", "there are none, so nobody can report", fix)
    found = [Found(State.OK, "carriers", _counted(len(rows)))]
    for row in rows:
        code, recipe = row["code"], recipes.get(row["format"])
        if recipe is None:
            says = f"{code} speaks {row['format']!r}, which is no format here"
            found += lacks("carriers", says, "set BUUTA_INGEST_RECIPES to the folder that has it")
        elif not recipe.codes and row["format"] not in mapped:
            says = (
                f"{code}'s format {row['format']} knows no codes: all that it reports waits in quarantine"
            )
            fix = f"a recipe with its codes, or buuta quarantine map {row['format']} CODE --status STATUS"
            found += look_at("carriers", says, fix)
        if not row["keys"]:
            found += look_at("carriers", f"{code} has no valid key", f"buuta carrier key add {code}")
    return found


def _counted(known: int) -> str:
    return f"{known} is known" if known == 1 else f"{known} are known"


async def _shippers(con: Any) -> list[Found]:
    rows = await con.fetch(SHIPPERS)
    if not rows:
        return look_at(
            "shippers", "there are none, so nobody is told anything", "buuta shipper add CODE --name NAME"
        )
    without = [row["code"] for row in rows if not row["keys"]]
    found = ok("shippers", _counted(len(rows)))
    for code in without:
        found += look_at("shippers", f"{code} has no valid key", f"buuta shipper key add {code}")
    return found


async def kafka(own: SharedSettings) -> list[Found]:
    """Kafka and its topics: missing, of another number of partitions, with too few copies or another setting."""
    try:
        async with asyncio.timeout(4 * SECONDS):
            differing = await differences(own)
    except (BuutaError, TimeoutError, OSError) as away:
        says = f"it does not answer: {because(away)}" if not isinstance(away, BuutaError) else str(away)
        return lacks("Kafka", says, "start Kafka 4 or newer, and set BUUTA_KAFKA")
    if not differing:
        return [*ok("Kafka", "it answers"), *ok("topics", "all are there as they should be")]
    found = ok("Kafka", "it answers")
    for part, (state, fix) in TOPICS.items():
        said = together([each.sentence for each in differing if each.part is part])
        found += [Found(state, "topics", sentence, fix) for sentence in said]
    return found


async def registry(own: SharedSettings) -> list[Found]:
    """The schema registry, where there is one."""
    if own.schema_registry_url is None:
        return []
    fix = "start it, and set BUUTA_SCHEMA_REGISTRY_URL; or unset that, and records name their schemas themselves"
    try:
        async with httpx.AsyncClient(timeout=SECONDS) as client:
            answer = await client.get(f"{str(own.schema_registry_url).rstrip('/')}/subjects")
    except httpx.HTTPError as away:
        return lacks("schema registry", f"it does not answer: {because(away)}", fix)
    if answer.status_code != httpx.codes.OK:
        return lacks("schema registry", f"it answers {answer.status_code} to /subjects", fix)
    return ok("schema registry", "it answers")


async def mail_relay(own: NotifierSettings) -> list[Found]:
    """The mail relay: whether it is there, and takes our user and password; no mail is sent."""
    where = f"{own.smtp_host}:{own.smtp_port}"
    client = client_of(own, SECONDS)
    try:
        async with asyncio.timeout(2 * SECONDS):
            await enter(client, own)
    except aiosmtplib.SMTPResponseException as refused:
        return lacks(
            "mail relay", f"{where} answers {refused.code}", "set BUUTA_SMTP_USER and BUUTA_SMTP_PASSWORD"
        )
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as away:
        says = f"{where} does not answer: {because(away)}"
        return lacks("mail relay", says, "set BUUTA_SMTP_HOST, BUUTA_SMTP_PORT and BUUTA_SMTP_STARTTLS")
    finally:
        client.close()
    return ok("mail relay", f"{where} answers" + (" and lets us in" if own.smtp_user else ""))


async def smsc(own: NotifierSettings) -> list[Found]:
    """The SMSC: whether something listens there. The notifier binds; a second bind might end its session."""
    where = f"{own.smpp_host}:{own.smpp_port}"
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(own.smpp_host, own.smpp_port)
        writer.close()
    except (OSError, TimeoutError) as away:
        says = f"{where} does not answer: {because(away)}"
        return lacks(
            "SMSC", says, "set BUUTA_SMPP_HOST and BUUTA_SMPP_PORT; it may let in known addresses alone"
        )
    return ok("SMSC", f"{where} takes connections; the notifier's readiness tells whether it lets us in")


async def public_url(own: NotifierSettings) -> list[Found]:
    """Where links in messages lead."""
    part = "public URL"
    if is_loopback(own.portal_url):
        fix = "set BUUTA_PORTAL_URL to where customers reach the portal"
        says = f"{own.portal_url} is this machine alone: links in messages open on nobody's phone"
        stays_here = is_loopback(own.smtp_host) and is_loopback(own.smpp_host)
        return look_at(part, says, fix) if stays_here else lacks(part, says, fix)
    try:
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=True) as client:
            answer = await client.get(own.portal_url)
    except httpx.HTTPError as away:
        says = f"{own.portal_url} does not answer from here: {because(away)}"
        return look_at(part, says, "buuta portal, a proxy before it, or BUUTA_PORTAL_URL")
    if answer.status_code != httpx.codes.OK:
        return look_at(
            part, f"{own.portal_url} answers {answer.status_code}", "look at the proxy before the portal"
        )
    return ok(part, f"{own.portal_url} answers")
