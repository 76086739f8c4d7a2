"""What people hear on real processes, whatever providers and notifiers do: in order, once, and nothing overtaken.

Carriers upload by the hour, so that a parcel's whole journey may come at once; the SMSC takes its time.
"""

import asyncio
import contextlib
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from buuta.demo import messages
from buuta.demo.journeys import Parcel
from buuta.demo.play import Ledger
from buuta.demo.sinks import SmsSink
from buuta.demo.stack import Stack, running
from tests.chaos.proxy import Proxy
from tests.waiting import until

COUNT = 30
SEED = 20261130
HANOI = ("01", "00070")
RTHROTTLED = 0x58
"""SMPP 3.4, 5.1.3."""
MOST_THROTTLED = 2
"""So often one message may be: the pauses after it grow, and a third would be longer than a test waits."""


class SlowSmsc(SmsSink):
    """An SMSC that takes up to so many seconds for an answer, and throttles so large a share of what comes."""

    def __init__(self, slowest: float, throttled: float) -> None:
        super().__init__()
        self.slowest = slowest
        self.throttled = throttled
        self.asked = 0
        self._chance = random.Random(SEED)
        self._throttled = Counter[tuple[str, bytes]]()
        self._answering: set[asyncio.Task[None]] = set()

    async def _receive(self) -> None:
        event = await self._server.next()
        if hasattr(event, "short_message"):
            self.asked += 1
            task = asyncio.create_task(self._answer(event))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, event: Any) -> None:
        await asyncio.sleep(self._chance.random() * self.slowest)
        message = (event.destination_addr, bytes(event.short_message))
        if self._throttled[message] < MOST_THROTTLED and self._chance.random() < self.throttled:
            self._throttled[message] += 1
            event.reject(RTHROTTLED)
            return
        self.pieces += 1
        self._keep(event)
        with contextlib.suppress(Exception):
            event.accept(message_id=str(self.pieces))


@dataclass
class Ground:
    """A stack with a slow SMSC, and parcels that people wait for."""

    stack: Stack
    smsc: SlowSmsc
    pool: Any
    http: httpx.AsyncClient
    ledger: Ledger = field(default_factory=Ledger)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def register(self, count: int) -> None:
        """Register parcels, each for a phone and a mailbox of its own."""
        for place in range(count):
            made = Parcel("vnp", f"EJ{700000000 + place}VN", (), *HANOI, self.now)
            made.phone, made.email = f"+849111{place:05}", f"nguoi{place}@example.vn"
            self.ledger.parcels.append(made)
            answer = await self.http.post(
                f"{self.stack.url('portal')}/v1/parcels",
                json={
                    "carrier": "vnp",
                    "number": made.number,
                    "recipient": {"phone": made.phone, "email": made.email},
                },
                headers={"Authorization": f"Bearer {self.stack.shipper_key}"},
            )
            answer.raise_for_status()

        async def in_the_log() -> bool:
            return not await self.pool.fetchval("select exists (select from outbox)")

        await until(in_the_log, "the registrations are in the log")

    async def upload(self, *steps: tuple[str, int]) -> None:
        """One upload of these steps of every parcel, as (code, minutes ago), in one batch."""
        items = [
            {"number": parcel.number, "code": code, "province": HANOI[0], "commune": HANOI[1],
             "occurred_at": (self.now - timedelta(minutes=ago)).isoformat(timespec="seconds")}
            for parcel in self.ledger.parcels for code, ago in steps
        ]  # fmt: skip
        key = self.stack.keys["vnp"][0]
        url = f"{self.stack.url('ingest')}/v1/scans"
        answer = await self.http.post(url, json=items, headers={"Authorization": f"Bearer {key}"})
        assert {each["result"] for each in answer.json()} == {"accepted"}

    async def states(self) -> Counter[str]:
        rows = await self.pool.fetch("select state, count(*) from messages group by 1")
        return Counter(dict(rows))

    async def end(self, called_for: int) -> Counter[str]:
        """Wait until so many messages were called for and none is open; how they ended."""

        async def ended() -> bool:
            states = await self.states()
            return states.total() == called_for and not states["queued"] + states["submitting"]

        await until(ended, f"{called_for} messages have ended\n{self.stack.tail('notifier')[-3000:]}", 120)
        return await self.states()

    async def heard(self) -> dict[str, list[str]]:
        """By number, the kinds that its phone heard, in order; what was wrong with any of them fails."""
        rows = await messages.load(self.pool)
        wrong = messages.faults(self.stack, self.ledger, rows)
        for what in ("received twice", "out of order", "after what overtakes them"):
            assert not [name for name, count in wrong.items() if what in name and count], wrong
        found = defaultdict(list)
        for (key, channel), told in messages.heard(self.stack, self.ledger, rows).items():
            if channel == "sms":
                found[key] = [row.kind for row in told]
        return found


@contextlib.asynccontextmanager
async def ground(
    slowest: float, notifiers: Sequence[str] = ("notifier",), throttled: float = 0
) -> AsyncIterator[Ground]:
    smsc = SlowSmsc(slowest, throttled)
    await smsc.start()
    more = {"BUUTA_SMPP_PORT": str(smsc.port)}
    async with (
        running(durable=False, preferred={}, more=more) as stack,
        asyncpg.create_pool(stack.database.url, min_size=1, max_size=2) as pool,
        httpx.AsyncClient(timeout=60) as http,
    ):
        stack.sms = smsc
        for name in notifiers[1:]:
            stack.start("notifier", name)
            await stack.ready(name)
        yield Ground(stack, smsc, pool, http)
    await smsc.stop()


@pytest.mark.timeout(400)
async def test_an_hourly_upload_reaches_each_phone_in_order_and_nothing_overtaken_reaches_any() -> None:
    """Thirty parcels, three uploads; two notifiers, and an SMSC that takes up to a second and throttles."""
    async with ground(1.0, ("notifier", "notifier-2"), 0.3) as on:
        await on.register(COUNT)
        await on.upload(("accepted", 300), ("in_transit", 240))
        await on.upload(("out_for_delivery", 180), ("attempt_failed", 120))
        await on.upload(("ready_at_point", 60), ("delivered", 5))
        ended = await on.end(5 * 2 * COUNT)
        assert ended.keys() <= {"sent", "overtaken"}
        heard = await on.heard()
        assert len(heard) == COUNT
        assert {told[-1] for told in heard.values()} == {"delivered"}


@pytest.mark.timeout(400)
async def test_of_a_journey_in_one_batch_nobody_is_asked_to_mind_the_phone_after_it_was_delivered() -> None:
    async with ground(1.0, ("notifier", "notifier-2"), 0.3) as on:
        await on.register(COUNT)
        await on.upload(("accepted", 55), ("in_transit", 40), ("out_for_delivery", 20), ("delivered", 2))
        await on.end(3 * 2 * COUNT)
        heard = await on.heard()
        assert len(heard) == COUNT
        assert {told[-1] for told in heard.values()} == {"delivered"}
        assert Counter(len(told) for told in heard.values())[1] > COUNT * 0.8, "most hear only what stands"


@pytest.mark.timeout(400)
async def test_a_notifier_that_is_asked_to_stop_again_and_again_loses_and_doubts_no_message() -> None:
    async with ground(0.5) as on:
        await on.register(COUNT)
        await on.upload(("accepted", 50))
        for stop in range(1, 4):
            some = COUNT * stop // 5

            async def some_left(some: int = some) -> bool:
                return on.smsc.asked >= some

            await until(some_left, f"{some} have left")
            on.stack.children["notifier"].process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(on.stack.children["notifier"].process.wait, 12) == 0
            states = await on.states()
            assert not states["submitting"] + states["in_doubt"], states
            on.stack.start("notifier")
            await on.stack.ready("notifier")
        assert await on.end(2 * COUNT) == {"sent": 2 * COUNT}
        assert {tuple(told) for told in (await on.heard()).values()} == {("accepted",)}


@pytest.mark.timeout(400)
async def test_a_relay_that_is_away_costs_no_message_an_attempt_and_shows() -> None:
    async with ground(0) as on:
        away = Proxy(on.stack.mail.port)
        await away.start()
        on.stack.env = {**on.stack.env, "BUUTA_SMTP_PORT": str(away.port)}
        on.stack.children["notifier"].stop()
        on.stack.start("notifier")
        await on.stack.ready("notifier")
        away.refuse()
        await on.register(COUNT)
        await on.upload(("accepted", 50))

        async def shows() -> bool:
            page = await on.http.get(f"{on.stack.operations('notifier')}/metrics")
            return 'buuta_notifier_channel_waiting{channel="email"} 1.0' in page.text

        await until(shows, "operations see that e-mail waits")
        rows = await on.pool.fetch("select distinct attempts from messages where state = 'queued'")
        assert [tuple(row) for row in rows] == [(0,)]
        away.release()
        assert await on.end(2 * COUNT) == {"sent": 2 * COUNT}
        assert len(on.stack.mail.mails) == COUNT
        await away.stop()


@pytest.mark.slow
@pytest.mark.timeout(500)
async def test_a_notifier_that_thaws_after_others_have_gone_on_tells_nothing_that_is_overtaken() -> None:
    """It is frozen with messages claimed, committed and under way, past its leases; the parcels move on."""
    async with ground(2.0, ("notifier", "notifier-2")) as on:
        await on.register(COUNT)
        await on.upload(("out_for_delivery", 50))

        async def some_left() -> bool:
            return on.smsc.asked >= COUNT // 3

        await until(some_left, "some have left")
        frozen = on.stack.children["notifier"].process
        frozen.send_signal(signal.SIGSTOP)
        await on.upload(("delivered", 2))

        async def all_are_told_or_in_doubt() -> bool:
            states = await on.states()
            return states["sent"] + states["overtaken"] + states["in_doubt"] == 4 * COUNT

        await until(
            all_are_told_or_in_doubt, "the other one goes on, and doubts what the frozen one had", 240
        )
        frozen.send_signal(signal.SIGCONT)
        await on.stack.ready("notifier")
        frozen.terminate()
        assert await asyncio.to_thread(frozen.wait, 12) == 0, "so all that it was about is at its end"
        heard = await on.heard()
        assert {told[-1] for told in heard.values()} == {"delivered"}
        assert len(heard) == COUNT
