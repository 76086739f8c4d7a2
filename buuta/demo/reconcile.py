"""Reconciliation: what was reported against what is in the database and what the people received."""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from buuta.audit.archive import Archive
from buuta.audit.recompute import audit
from buuta.contracts.codec import Codec
from buuta.demo import messages, rate
from buuta.demo.play import Ledger
from buuta.demo.stack import Stack, settings_of
from buuta.model.identifiers import parcel_key

SETTLE_SECONDS: Final = 150
QUIET: Final = 4
"""So many looks in a row must find nothing under way."""
COUNTS: Final = """
select
  (select count(*) from scans) as scans,
  (select count(distinct event_id) from scans) as distinct_scans,
  (select count(*) from parcels) as parcels,
  (select coalesce(sum(sequence), 0) from parcels) as milestones,
  (select count(*) from quarantine) as quarantined,
  (select count(*) from outbox) as outbox,
  (select count(*) from messages where state in ('queued', 'submitting')) as open_messages
"""
MISSING: Final = """
select count(*) from unnest($1::bytea[]) as told (id)
where not exists (select from scans where event_id = told.id)
"""


@dataclass
class Reconciliation:
    """The figures, and every difference found; none means that nothing was lost or doubled."""

    figures: dict[str, Any] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return not self.differences

    def check(self, what: str, expected: object, found: object) -> None:
        """Note a difference."""
        if expected != found:
            self.differences.append(f"{what}: expected {expected}, found {found}")


async def settle(stack: Stack, ledger: Ledger) -> Mapping[str, int]:
    """Wait until what was accepted is in the history and no message is under way; returns what is all the same."""
    con = await asyncpg.connect(stack.database.url)
    deadline = time.monotonic() + SETTLE_SECONDS
    quiet = 0
    try:
        while True:
            left = await _under_way(con, stack, ledger)
            quiet = 0 if left else quiet + 1
            if quiet == QUIET or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.25)
    finally:
        await con.close()


async def _under_way(con: Any, stack: Stack, ledger: Ledger) -> Mapping[str, int]:
    """How much is on its way, and where; empty when nothing is."""
    counts = await con.fetchrow(COUNTS)
    waiting = messages.missing(stack, ledger, await messages.load(con))
    found = {
        "scans not in the history": await con.fetchval(
            MISSING, [bytes.fromhex(each) for each in ledger.event_ids]
        ),
        "outbox": counts["outbox"], "open messages": counts["open_messages"],
        "messages not received": waiting,
    }  # fmt: skip
    return {name: count for name, count in found.items() if count}


async def _recompute(stack: Stack, result: Reconciliation) -> None:
    """The rate must follow from the log alone."""
    settings = settings_of(stack)
    with tempfile.TemporaryDirectory(prefix="buuta-archive-") as name:
        archive = Archive(Path(name), settings.events_topic)
        async with asyncpg.create_pool(stack.database.url, min_size=1, max_size=1) as pool:
            found = await audit(settings, pool, archive, Codec())
    result.figures["counted_from_the_log"] = found.counted
    result.check("figures that do not follow from the log", [], [*found.cells, *found.parcels])


async def reconcile(stack: Stack, ledger: Ledger, under_way: Mapping[str, int]) -> Reconciliation:
    """Compare history, states, messages and mailboxes with what was reported.

    What did not settle in time is a difference of its own: slow is not lost, and whoever looks must know which.
    Whoever watches may report and register too; what they did is counted as the guests'.
    """
    result = Reconciliation()
    result.check(f"still under way after {SETTLE_SECONDS} s", {}, dict(under_way))
    con = await asyncpg.connect(stack.database.url)
    try:
        counts = dict(await con.fetchrow(COUNTS))
        history = {
            row[0].hex(): row[1] for row in await con.fetch("select event_id, parcel_key from scans")
        }
        fates = await con.fetch("select channel, state, count(*) from messages group by 1, 2 order by 1, 2")
        states = dict(await con.fetch("select parcel_key, status from parcels"))
        rows = await messages.load(con)
        result.figures["rate"] = rate.figures(await rate.counted(con))
    finally:
        await con.close()
    await _recompute(stack, result)
    accepted = ledger.event_ids
    played = {parcel_key(parcel.carrier, parcel.number) for parcel in ledger.parcels}
    unreported = [key for event_id, key in history.items() if event_id not in accepted]
    guests = [key for key in unreported if key not in played]
    result.check("accepted event ids missing in the history", 0, len(accepted - history.keys()))
    result.check("event ids in the history that nobody reported", 0, len(unreported) - len(guests))
    result.check("rows of history", counts["distinct_scans"], counts["scans"])
    kept = ledger.answers["quarantined"] + ledger.answers["rejected"]
    result.check("journeys that an error broke off", 0, ledger.broken_off)
    result.check("reports missing in the quarantine", 0, max(kept - counts["quarantined"], 0))
    _check_states(result, ledger, states)
    for what, found in messages.faults(stack, ledger, rows).items():
        result.check(what, 0, found)
    result.figures |= {
        "reported": ledger.reported, "accepted": len(accepted), "duplicate": ledger.duplicates,
        "ignored": ledger.answers["ignored"], "rejected": ledger.answers["rejected"],
        "quarantined": ledger.answers["quarantined"], "in_history": counts["scans"],
        "by_guests": len(guests),
        "parcels": counts["parcels"], "milestones": int(counts["milestones"]),
        "messages": {f"{row['channel']}/{row['state']}": row["count"] for row in fates},
        "received": {"sms": len(stack.sms.texts), "email": len(stack.mail.mails)},
    }  # fmt: skip
    return result


def _check_states(result: Reconciliation, ledger: Ledger, states: dict[str, str]) -> None:
    """Each parcel must stand where its journey ended, however late and often it was reported."""
    wrong = [
        key
        for parcel in ledger.parcels
        if parcel.reported
        and states.get(key := parcel_key(parcel.carrier, parcel.number)) != parcel.journey[-1]
    ]
    result.check("parcels in a wrong state", 0, len(wrong))
