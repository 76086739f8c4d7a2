"""What people received against what they were to be told: each message once, in order, and nothing overtaken."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from buuta.demo.journeys import Parcel
from buuta.demo.play import Ledger, told
from buuta.demo.stack import Stack
from buuta.model.identifiers import parcel_key
from buuta.wording.messages import words
from services.notifier.domain.rules import TOLD
from services.notifier.domain.sms import unaccented
from services.notifier.domain.still import Standing, place
from services.notifier.lanes import SUBMIT_LEASE_SECONDS

LANGUAGE: Final = "vi"
NAME: Final = re.compile(r"<([^@]+)@")
ROWS: Final = f"""
select message_id, parcel_key, channel, kind, state, happened_at, milestone, created_at,
  lease_until - interval '{SUBMIT_LEASE_SECONDS} seconds' as submitted_at
from messages
"""  # noqa: S608 - a number of our own
OF_NO_USE: Final = frozenset({"overtaken", "expired", "in_doubt"})
"""Ends of which a person hears nothing, or perhaps."""


@dataclass(frozen=True)
class Row:
    """A message as the notifier left it; `submitted_at` is when its last try was committed."""

    message_id: UUID
    parcel_key: str
    channel: str
    kind: str
    state: str
    happened_at: int
    milestone: str
    created_at: datetime
    submitted_at: datetime | None

    @property
    def text(self) -> str:
        """What its SMS says, but for the link."""
        return unaccented(words(json.loads(self.milestone), LANGUAGE, "").sentence)


async def load(con: Any) -> list[Row]:
    """All messages that there are."""
    return [Row(*row) for row in await con.fetch(ROWS)]


def missing(stack: Stack, ledger: Ledger, rows: Sequence[Row]) -> int:
    """How many messages did not arrive that should have; what was of no use any more, or is in doubt, need not."""
    excused = Counter[str]()
    by_key = _by_key(ledger)
    for row in rows:
        parcel = by_key.get(row.parcel_key)
        if parcel is not None and row.state in OF_NO_USE:
            excused[_address(parcel, row.channel)] += 1
    return (_expected(ledger) - _received(stack) - excused).total()


def faults(stack: Stack, ledger: Ledger, rows: Sequence[Row]) -> Mapping[str, int]:
    """How often something is wrong with what people received, by what it is."""
    texts = Counter(stack.sms.texts) + Counter((to, text) for to, _, text in stack.mail.mails)
    surplus = _received(stack) - _expected(ledger) - _perhaps(ledger)
    told_to = list(heard(stack, ledger, rows).values())
    return {
        "messages received twice": sum(count - 1 for count in texts.values()),
        "e-mail ids received twice": _repeats([name for _, name, _ in stack.mail.mails]),
        "messages missing": missing(stack, ledger, rows),
        "messages that nobody expected": sum(surplus[address] for address in _expected(ledger)),
        "messages received out of order": sum(map(out_of_order, told_to)),
        "messages received after what overtakes them": sum(map(after_what_overtakes, told_to)),
    }


def out_of_order(told_to: Sequence[Row]) -> int:
    """How many messages came after one of a later time, though they were known when that left."""
    return sum(
        place(row.kind, row.happened_at) < place(before.kind, before.happened_at)
        and before.submitted_at is not None
        and row.created_at < before.submitted_at
        for at, row in enumerate(told_to)
        for before in told_to[:at]
    )


def after_what_overtakes(told_to: Sequence[Row]) -> int:
    """How many messages came after a state that makes them no use."""
    return sum(
        Standing({before.kind: before.happened_at}, None, None, 0).overtakes(row.kind, row.happened_at)
        for at, row in enumerate(told_to)
        for before in told_to[:at]
    )


def heard(stack: Stack, ledger: Ledger, rows: Sequence[Row]) -> Mapping[tuple[str, str], list[Row]]:
    """By parcel and channel, the messages in the order in which they were received, as far as we know them."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in (*_texts(stack, ledger, rows), *_mails(stack, rows)):
        found[row.parcel_key, row.channel].append(row)
    return found


def _texts(stack: Stack, ledger: Ledger, rows: Sequence[Row]) -> Iterator[Row]:
    """SMS name no message: it is the one of the parcel that says this."""
    known: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.channel == "sms" and row.kind in TOLD:
            known[row.parcel_key].append(row)
    by_phone = {_bare(each.phone): key for key, each in _by_key(ledger).items() if each.phone is not None}
    for phone, text in stack.sms.texts:
        of_parcel = known[by_phone.get(_bare(phone), "")]
        yield from [row for row in of_parcel if text.startswith(row.text)][:1]


def _mails(stack: Stack, rows: Sequence[Row]) -> Iterator[Row]:
    by_name = {str(row.message_id): row for row in rows}
    for _, name, _ in stack.mail.mails:
        found = NAME.match(name)
        if found is not None and found[1] in by_name:
            yield by_name[found[1]]


def _by_key(ledger: Ledger) -> Mapping[str, Parcel]:
    return {parcel_key(each.carrier, each.number): each for each in ledger.parcels}


def _bare(phone: str) -> str:
    return phone.lstrip("+")


def _address(parcel: Parcel, channel: str) -> str:
    return _bare((parcel.phone if channel == "sms" else parcel.email) or "")


def _expected(ledger: Ledger) -> Counter[str]:
    """By address, how many messages must arrive; late registrations hear the newest and what follows."""
    expected: Counter[str] = Counter()
    for parcel in ledger.parcels:
        if parcel.registered and not parcel.forgotten:
            count = 1 if parcel.late_registration else told(parcel, sorted(TOLD)).total()
            for address in filter(None, (parcel.phone, parcel.email)):
                expected[_bare(address)] += count
    return expected


def _perhaps(ledger: Ledger) -> Counter[str]:
    """By address, what a late registration may hear beside the newest.

    Scans that waited in ingest's spool come into the log after it, and then each is news.
    """
    more: Counter[str] = Counter()
    for parcel in ledger.parcels:
        if parcel.registered and parcel.late_registration:
            for address in filter(None, (parcel.phone, parcel.email)):
                more[_bare(address)] += max(told(parcel, sorted(TOLD)).total() - 1, 0)
    return more


def _received(stack: Stack) -> Counter[str]:
    return Counter(address for address, _ in stack.sms.texts) + Counter(
        address for address, _, _ in stack.mail.mails
    )


def _repeats(names: list[str]) -> int:
    return len(names) - len(set(names))
