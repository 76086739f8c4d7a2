"""What carriers, attackers and people do beside the faults: repeated ids, poison, floods, forgotten parcels.

It is put into the log as a door with a fault would put it there, so that the tracker alone has to stand it.
"""

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

from buuta.audit.forgetting import forget
from buuta.contracts.codec import Codec
from buuta.demo.play import Ledger
from buuta.demo.reconcile import Reconciliation
from buuta.demo.stack import Stack, settings_of
from buuta.errors import BadItem, Retry
from buuta.model.identifiers import parcel_key
from buuta.model.scan import Scan
from buuta.storage.faults import is_away
from buuta.storage.unlocking import open_vault
from buuta.storage.vault import Vault
from buuta.streaming.dead_letters import letters
from buuta.streaming.producer import Producer
from buuta.telemetry.clock import now_ms
from buuta.telemetry.health import Readiness
from services.tracker.domain.copies import distinct
from services.tracker.domain.fold import fold
from services.tracker.storage import load_parcels
from tests.scans import scan
from tests.waiting import until

PAUSE_SECONDS: Final = 0.5
FLOOD: Final = 400
MINUTE_MS: Final = 60_000
COMPARED: Final = ("status", "findings", "live", "scans", "greatest_at", "accepted_at")
UNDER_WAY: Final = ("accepted", "in_transit", "out_for_delivery", "attempt_failed", "held")


class Trouble:
    """Makes trouble; the same seed makes the same, as far as faults let it. `made` counts it by name."""

    def __init__(self, stack: Stack, seed: int, ledger: Ledger, pool: Any, producer: Producer) -> None:
        self.made: Counter[str] = Counter()
        self._stack = stack
        self._chance = random.Random(seed)
        self._ledger = ledger
        self._pool = pool
        self._producer = producer
        self._codec = Codec()
        self._scans: defaultdict[str, list[Scan]] = defaultdict(list)
        self._poison: set[bytes] = set()

    async def run(self, vault: Vault, stop: asyncio.Event) -> None:
        """Make trouble until told to stop; what has begun is ended."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "repeated ids": self._repeat, "poison": self._poison_some, "flood": self._flood,
            "forgotten": lambda: self._forget(vault),
        }  # fmt: skip
        while not stop.is_set():
            name = self._chance.choice(list(kinds))
            await kinds[name]()
            self.made[name] += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)

    async def _repeat(self) -> None:
        """One id, several reports: with another time, another content, received in another order."""
        number = f"REP{self.made['repeated ids']:06}"
        first = self._scan(number, 30)
        copies = [
            first._replace(
                occurred_at=first.occurred_at + self._chance.randint(-9, 9) * MINUTE_MS,
                received_at=first.received_at + self._chance.randint(-3, 3),
                status=self._chance.choice(UNDER_WAY),
                facility=self._chance.choice((None, "BC1")),
            )
            for _ in range(self._chance.randint(1, 3))
        ]
        arriving = [first, *copies, self._scan(number, 5), self._scan(number, 60)]
        self._chance.shuffle(arriving)
        cut = self._chance.randint(0, len(arriving))
        await self._report(arriving[:cut])
        await asyncio.sleep(self._chance.choice((0, 0.3)))
        await self._report(arriving[cut:])

    async def _poison_some(self) -> None:
        """Records that nobody can read, or PostgreSQL refuses, among good ones of the same number."""
        number = f"PSN{self.made['poison']:06}"
        ruined = self._scan(number, 20)
        bad = self._chance.sample(
            [
                self._encoded(ruined._replace(facility="B\0C")),
                self._encoded(ruined._replace(raw_code="\0")),
                self._encoded(ruined._replace(number=number + "\0")),
                self._encoded(ruined._replace(offset_minutes=99_999)),
                self._encoded(ruined._replace(event_id="no id")),
                self._encoded(ruined._replace(event_id="E1" * 16)),
                self._encoded(ruined._replace(corrects_event_id="")),
                b"\xc3\x01" + self._chance.randbytes(20),
                self._chance.randbytes(9),
            ],
            3,
        )
        self._poison.update(bad)
        await self._report([self._scan(number, 40)])
        await self._send(number, bad)
        await self._report([self._scan(number, 10)])

    async def _flood(self) -> None:
        """One number, again and again, and now and then an old one among them."""
        number = f"FLD{self._chance.randint(0, 1):06}"
        await self._report([self._scan(number, self._chance.choice((0, 0, 0, 90))) for _ in range(FLOOD)])

    async def _forget(self, vault: Vault) -> None:
        """`buuta forget` of a parcel that is under way or done."""
        if not self._ledger.parcels:
            return
        parcel = self._chance.choice(self._ledger.parcels)
        parcel.forgotten = True
        key = parcel_key(parcel.carrier, parcel.number)
        try:
            await self._until_reached(lambda: forget(self._pool, vault, key))
        except BadItem:
            # Nobody has reported or registered it yet.
            parcel.forgotten = False

    def _scan(self, number: str, minutes_ago: int) -> Scan:
        now = now_ms()
        return scan(
            self._chance.choice(UNDER_WAY), number=number, event_id=self._chance.randbytes(16).hex(),
            occurred_at=now - minutes_ago * MINUTE_MS, received_at=now,
        )  # fmt: skip

    def _encoded(self, each: Scan) -> bytes:
        return self._codec.encode("ScanEvent", each._asdict())

    async def _report(self, scans: Sequence[Scan]) -> None:
        for each in scans:
            self._scans[parcel_key(each.carrier, each.number)].append(each)
        if scans:
            await self._send(scans[0].number, [self._encoded(each) for each in scans])

    async def _send(self, number: str, values: Sequence[bytes]) -> None:
        """Append until it is acknowledged: what comes twice counts once."""
        key, topic = parcel_key("ghn", number).encode(), settings_of(self._stack).events_topic
        await self._until_reached(
            lambda: self._producer.send_keyed(topic, [(key, each) for each in values])
        )

    async def _until_reached(self, attempt: Callable[[], Awaitable[Any]]) -> None:
        while True:
            try:
                await attempt()
                return
            except Exception as why:
                if not (isinstance(why, Retry) or is_away(why)):
                    raise
                await asyncio.sleep(0.5)

    async def check(self, books: Reconciliation) -> None:
        """Each number stands as the fold of its set says; the dead letters are the poison, each and no other."""
        expected = sum(len(distinct(scans)) for scans in self._scans.values())

        async def applied() -> bool:
            sql = "select count(*) from scans where parcel_key = any($1)"
            return bool(await con.fetchval(sql, list(self._scans)) == expected)

        con = await asyncpg.connect(self._stack.database.url)
        try:
            with contextlib.suppress(AssertionError):
                await until(applied, "all trouble is applied", 60)
            stored = await load_parcels(con, list(self._scans))
        finally:
            await con.close()
        wrong = [key for key, scans in self._scans.items() if not _stands(stored.get(key), scans)]
        books.check("numbers with trouble that stand wrong", [], wrong)
        dead = {letter.value async for letter in letters(settings_of(self._stack))}
        books.check("poison that is no dead letter", 0, len(self._poison - dead))
        books.check("dead letters that are no poison", 0, len(dead - self._poison))
        books.figures["trouble"] = dict(self.made)


def _stands(parcel: Any, scans: Sequence[Scan]) -> bool:
    expected = fold(scans).parcel
    return parcel is not None and all(getattr(parcel, each) == getattr(expected, each) for each in COMPARED)


@contextlib.asynccontextmanager
async def trouble(stack: Stack, seed: int, ledger: Ledger) -> AsyncIterator[Trouble]:
    """Makes trouble until the block ends."""
    settings = settings_of(stack)
    settings = settings.model_copy(update={"master_key": SecretStr(stack.env["BUUTA_MASTER_KEY"])})
    producer = Producer(settings, Readiness())
    await producer.start()
    async with asyncpg.create_pool(stack.database.url, min_size=0, max_size=2) as pool:
        vault = await open_vault(pool, settings)
        maker, stop = Trouble(stack, seed, ledger, pool, producer), asyncio.Event()
        making = asyncio.create_task(maker.run(vault, stop))
        try:
            yield maker
        finally:
            stop.set()
            await making
            await producer.stop()
