"""Retention: who owns each table, how long its rows are kept and why, and what deletes them.

The rules are the table below; a test holds it to the tables that there are. Personal data is kept for its purpose
(Law 91/2025/QH15): contacts to tell a recipient of a parcel, private details for complaints by the Postal Law.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from buuta.storage import locks
from buuta.storage.background import in_turn
from buuta.storage.locks import Lock
from buuta.telemetry import metrics

BATCH: Final = 1_000
BATCHES: Final = 100
"""So many batches of a rule in one round; the next one goes on."""
BATCH_SECONDS: Final = 600.0
BEGIN: Final = """
insert into retention_rounds as r values ($1, now())
on conflict (what) do update set begun_at = now() where r.begun_at < now() - interval '20 hours' returning true
"""


@dataclass(frozen=True)
class Rule:
    """How long rows of a table are kept; `past` says in SQL which are too old at $1, `days` before now.

    Without `days` rows stay, or go when they have done their work; `why` says which. With `erased` a row stays and
    these columns become null. Rows `with_parcel` go with their parcel (services/tracker/retention.py) or parent.
    """

    table: str
    owner: str
    why: str
    days: int | None = None
    past: str = ""
    erased: tuple[str, ...] = ()
    with_parcel: bool = False

    @property
    def finds(self) -> str:
        """Holds so many of the rows that are too old, but for those that somebody is writing."""
        return f"select ctid from {self.table} as old where {self.past} limit $2 for update skip locked"  # noqa: S608 - ours

    @property
    def statement(self) -> str:
        """Deletes, or erases, those of the rows held that are still too old, by all that was committed since."""
        rows = f"ctid = any($2) and ({self.past})"
        if self.erased:
            nothing = ", ".join(f"{name} = null" for name in self.erased)
            return f"update {self.table} as old set {nothing} where {rows}"  # noqa: S608
        return f"delete from {self.table} as old where {rows}"  # noqa: S608


def _of_parcel(table: str) -> Rule:
    return Rule(
        table, "tracker", "with its parcel: 600 days after its last scan, once the archive has it",
        PARCEL_DAYS, with_parcel=True,
    )  # fmt: skip


PARCEL_DAYS: Final = 600
"""A year in which a late scan still steers, 180 days after which a number is another parcel, and a margin."""
MS: Final = "(extract(epoch from $1::timestamptz) * 1000)::bigint"
UNCHANGED: Final = f"created_at < $1 and coalesce(changed_at, created_at) < $1 and registered_at < {MS}"
"""A registration counts as new with each of its versions."""
UNDER_WAY: Final = """exists (
  select from parcels p where p.parcel_key = old.owner || ':' || old.number and p.next_expected_at is not null)"""
RULES: Final = (
    Rule("migrations", "migrate", "for good: a row a file"),
    Rule("carriers", "ingest", "for good: the register"),
    Rule("carrier_keys", "ingest", "a year and a half after it expired", 600,
         "expires_at < $1 and not exists (select from key_usage u where u.key_id = old.id)"),
    Rule("key_usage", "ingest", "a year of use by day", 400, "day < $1::date"),
    Rule("key_changes", "ingest", "five years: who gave which key to whom", 1826, "changed_at < $1"),
    Rule("signed_requests", "ingest", "as long as a signature holds", 1, "taken_at < $1"),
    Rule("access_keys", "ingest, portal", "a year and a half after it expired", 600, "expires_at < $1"),
    Rule("access_key_changes", "ingest, portal", "five years: who gave which key to whom", 1826, "changed_at < $1"),
    Rule("operators", "ingest", "a year and a half after their last key expired", 600,
         "added_at < $1 and not exists ("
         "select from access_keys k where k.kind = 'operator' and k.holder = old.name)"),
    Rule("facilities", "ingest", "for good: the register"),
    Rule("polls", "ingest", "for good: a row a carrier"),
    Rule("code_mappings", "ingest", "for good: what scans were mapped by"),
    Rule("manifests", "ingest", "a year", 400, "declared_at < $1"),
    Rule("report_hours", "ingest", "a year of habit", 400, "hour < $1"),
    Rule("files", "ingest", "a year in which the same file is known again", 400,
         "coalesce(finished_at, begun_at) < $1"),
    Rule("answered", "ingest", "a day in which the same request hears the same", 2, "answered_at < $1"),
    Rule("spool", "ingest", "until it is sent"),
    Rule("sheltered", "ingest", "for good: a row a topic"),
    Rule("facts", "ingest", "as long as the parcel", PARCEL_DAYS,
         f"received_at < {MS}"),
    Rule("epcis_captures", "ingest", "a year", 400, "created_at < $1"),
    Rule("epcis_events", "ingest", "as long as an event can steer", 400, "received_at < $1"),
    Rule("epcis_packings", "ingest", "with their event", 400, with_parcel=True),
    Rule("epcis_effects", "ingest", "with their event", 400, with_parcel=True),
    Rule("epcis_said", "ingest", "as long as an event can steer", 400, "received_at < $1"),
    Rule("epcis_versions", "ingest", "for good: a row a carrier"),
    Rule("quarantine", "ingest", "90 days after it was settled", 90, "state <> 'waiting' and settled_at < $1"),
    Rule("quarantine", "ingest", "a year in which it can be mapped; then it would steer nothing", 400,
         "state = 'waiting' and received_at < $1"),
    Rule("event_details", "ingest", "six months of complaints by the Postal Law, and a margin", 200,
         "received_at < $1"),
    Rule("parcel_secrets", "ingest", "longer than all that it sealed", PARCEL_DAYS,
         "created_at < $1 and not exists (select from event_details d where d.key_hash = old.key_hash)"),
    Rule("progress", "tracker, notifier", "for good: a row a partition"),
    Rule("logs", "tracker, notifier", "for good: a row a topic"),
    Rule("moves", "tracker", "for good: a row a partition that was moved"),
    _of_parcel("scans"),
    _of_parcel("parcels"),
    _of_parcel("past_parcels"),
    _of_parcel("deadlines"),
    _of_parcel("declarations"),
    Rule("unpublished_cells", "tracker", "until it is published"),
    Rule("unpublished_parcels", "tracker", "until it is published"),
    Rule("settled_letters", "tracker, notifier", "as long as the topic keeps the letter", 400, "settled_at < $1"),
    Rule("rate_cells", "tracker", "for good: figures"),
    Rule("transit_cells", "tracker", "for good: figures"),
    Rule("lateness_cells", "tracker", "for good: figures"),
    Rule("rate_days", "tracker", "for good: sums of figures"),
    Rule("rate_months", "tracker", "for good: sums of figures"),
    Rule("transit_months", "tracker", "for good: sums of figures"),
    Rule("carrier_days", "tracker", "for good: sums of figures"),
    Rule("publications", "portal", "for good: what was published is never changed"),
    Rule("published_figures", "portal", "for good: what was published is never changed"),
    Rule("shippers", "portal", "for good: the register"),
    Rule("registrations", "portal", "contacts and destination: 180 days, or while the parcel is under way", 180,
         f"{UNCHANGED} and not {UNDER_WAY}"
         " and coalesce(person_hash, contacts, destination) is not null",
         ("person_hash", "contacts", "destination")),
    Rule("registrations", "portal", "as long as the parcel", PARCEL_DAYS,
         f"{UNCHANGED} and not {UNDER_WAY}"),
    Rule("shipper_carriers", "portal", "for good: the register"),
    Rule("parcel_shippers", "portal", "as long as the parcel", PARCEL_DAYS, f"named_at < {MS}"),
    Rule("window_counts", "all", "until the window has ended", 1, f"ends_at < {MS}"),
    Rule("persons", "portal", "until no registration names the person", 0,
         "$1::timestamptz is not null and not exists ("
         "select from registrations r where r.person_hash = old.person_hash)"),
    Rule("idempotency", "portal", "a month in which the same request hears the same", 30, "created_at < $1"),
    Rule("outbox", "portal, notifier", "until it is sent"),
    Rule("messages", "notifier", "180 days in which somebody may ask what was sent", 180,
         "created_at < $1 and coalesce(decided_at, created_at) < $1"),
    Rule("message_lanes", "notifier", "while a message of it waits"),
    Rule("switches", "notifier", "for good: a row a switch"),
    Rule("vault_keys", "all", "for good: a row a purpose"),
    Rule("set_aside", "all", "until it goes well or is dropped, or was not found again for a day; 10,000 a loop at"
         " most", 1, "payload is null and next_at < $1"),
    Rule("archives", "buuta log archive", "for good: a row a partition"),
    Rule("retention_rounds", "tracker", "for good: a row a kind of round"),
)  # fmt: skip


REACHED: Final = """
insert into archives as a select $1, partition, $3 from unnest($2::int[]) as reached (partition)
on conflict (topic, partition) do update set reached_at = greatest(a.reached_at, excluded.reached_at)
"""


async def archived(con: Any, topic: str, partitions: Collection[int], until: int) -> None:
    """Note that an archive has what was appended to these partitions before a UTC millisecond."""
    await con.execute(REACHED, topic, sorted(partitions), until)


async def is_due(pool: Any, what: str) -> bool:
    """Whether a round is due, for this process alone: once a day."""
    return bool(await pool.fetchval(BEGIN, what))


async def sweep(pool: Any, now: datetime) -> Counter[str]:
    """Delete what is too old at a time, in batches of their own; returns how many rows by table.

    Raises:
        Exception: the first rule that failed; all others have had their turn.
    """
    gone: Counter[str] = Counter()

    async def apply(rule: Rule) -> None:
        for _ in range(BATCHES):
            rows = await _batch(pool, rule, now)
            gone[rule.table] += rows
            metrics.RETENTION_ROWS.labels(rule.table).inc(rows)
            if rows < BATCH:
                return

    await in_turn([rule for rule in RULES if rule.past], apply)
    return +gone


async def _batch(pool: Any, rule: Rule, now: datetime) -> int:
    before = now - timedelta(days=rule.days or 0)
    async with pool.acquire() as con, con.transaction():
        if not await locks.try_hold(con, Lock.RETENTION):
            return 0
        held = [ctid for [ctid] in await con.fetch(rule.finds, before, BATCH, timeout=BATCH_SECONDS)]
        await con.execute(rule.statement, before, held, timeout=BATCH_SECONDS)
    return len(held)
