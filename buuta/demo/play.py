"""Playing the day: the shop registers, the carriers report over HTTP, and every answer is kept."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import httpx
import structlog

from buuta.audit.samples import form_of
from buuta.demo.journeys import Day, Parcel, Post
from buuta.demo.stack import Stack
from buuta.model.times import VIETNAM
from buuta.storage.faults import is_away
from services.tracker.domain.rules import RULES, Apart

log = structlog.get_logger()
A_DAY: Final = {
    str(status) for status, rule in RULES.items() if rule.milestone and rule.milestone.apart is Apart.A_DAY
}
"""What people are told of once a day, however often it happens."""
SIDE_BY_SIDE: Final = 200
TRIES: Final = 300
"""Every half second: for longer than any outage that is played, as carriers do, which repeat for hours."""


@dataclass
class Ledger:
    """What was reported and what the answers said."""

    reported: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    event_ids: set[str] = field(default_factory=set)
    duplicates: int = 0
    parcels: list[Parcel] = field(default_factory=list)
    broken_off: int = 0
    """Journeys that ended by an error, none of the others'."""

    def note(self, post: Post, answer: dict[str, Any]) -> None:
        """Keep an answer."""
        self.reported += 1
        self.answers[answer["result"]] += 1
        if answer["result"] not in ("accepted", "duplicate"):
            return
        if answer["event_id"] in self.event_ids:
            self.duplicates += 1
            return
        self.event_ids.add(answer["event_id"])
        if post.parcel is not None and post.status is not None:
            post.parcel.reported.append(post.status)


class Play:
    """The carriers and the shop."""

    def __init__(self, stack: Stack, day: Day, pool: Any, client: httpx.AsyncClient) -> None:
        self.ledger = Ledger()
        self._pool = pool
        self._pace = 0.2
        self._event_ids: dict[int, str] = {}
        self._stack = stack
        self._client = client
        self._day = day

    async def run(self, parcels_per_second: float, stop: asyncio.Event) -> None:
        """Play until told to stop; whoever has begun a journey finishes it."""
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                await gate.acquire()
                task = group.create_task(self._journey_alone(self._day.parcel()))
                task.add_done_callback(lambda _: gate.release())
                try:
                    async with asyncio.timeout(1 / parcels_per_second):
                        await stop.wait()
                except TimeoutError:
                    continue

    async def _journey_alone(self, parcel: Parcel) -> None:
        try:
            await self._journey(parcel)
        except Exception:
            self.ledger.broken_off += 1
            log.exception("journey_broken_off", carrier=parcel.carrier, number=parcel.number)

    async def _journey(self, parcel: Parcel) -> None:
        self.ledger.parcels.append(parcel)
        posts = self._day.reports(parcel)
        if len(self.ledger.parcels) % 20 == 0:
            posts.append(self._day.nonsense())
        if parcel.registered and not parcel.late_registration:
            await self._register(parcel)
            await self._in_the_log()
        for post in posts:
            await self.report(post)
            await asyncio.sleep(self._pace)
        if parcel.registered and parcel.late_registration:
            await self._register(parcel)

    async def _in_the_log(self) -> None:
        """Wait until all registrations have reached the log, as hours before the first scan they do."""
        while await self._waits_in_the_outbox():
            await asyncio.sleep(0.1)

    async def _waits_in_the_outbox(self) -> bool:
        try:
            return bool(await self._pool.fetchval("select exists (select from outbox)"))
        except Exception as why:
            if not is_away(why):
                raise
            return True

    async def _register(self, parcel: Parcel) -> None:
        recipient = {"phone": parcel.phone, "email": parcel.email, "language": "vi"}
        body = {
            "carrier": parcel.carrier, "number": parcel.number,
            "recipient": {name: value for name, value in recipient.items() if value},
            "destination": {"province": parcel.province, "commune": parcel.commune},
        }  # fmt: skip
        answer = await self._post(
            f"{self._stack.url('portal')}/v1/parcels", json=body,
            headers={"Authorization": f"Bearer {self._stack.shipper_key}", "Idempotency-Key": parcel.number},
        )  # fmt: skip
        answer.raise_for_status()

    async def report(self, post: Post) -> None:
        """Report as this carrier does."""
        key, token = self._stack.keys[post.carrier]
        ingest = self._stack.url("ingest")
        if post.carrier == "vnp":
            item = {**post.body, **self._correction(post)}
            answer = await self._post(
                f"{ingest}/v1/scans", json=[item], headers={"Authorization": f"Bearer {key}"}
            )
            self.ledger.note(post, answer.json()[0])
            self._event_ids[id(post)] = answer.json()[0].get("event_id")
            return
        url = f"{ingest}/v1/webhooks/{token}/{post.carrier}"
        if post.carrier == "ghn":
            answer = await self._post(url, json=post.body)
        else:
            answer = await self._post(
                url,
                content=form_of(post.body),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        body = answer.json()
        self.ledger.note(post, body if answer.status_code == 200 else {"result": "rejected"})

    def _correction(self, post: Post) -> dict[str, Any]:
        if post.corrects is None:
            return {}
        return {"corrects": self._event_ids[id(post.corrects)], "correction": "did_not_occur"}

    async def _post(self, url: str, **request: Any) -> httpx.Response:
        """Send, and send again after a 503 or no answer, as a careful integrator would."""
        for attempt in range(TRIES):
            try:
                answer = await self._client.post(url, **request)
                if answer.status_code != 503:
                    return answer
            except httpx.TransportError:
                if attempt == TRIES - 1:
                    raise
            await asyncio.sleep(0.5)
        raise RuntimeError(f"no answer from {url} after {TRIES} tries")


def told(parcel: Parcel, kinds: Sequence[str]) -> Counter[str]:
    """The messages that a parcel's reported journey calls for, by kind; `kinds` are worth one."""
    expected: Counter[str] = Counter()
    before, told_of = None, set[tuple[str, date | None]]()
    once = {"accepted", "returning", "returned", "delivered"}
    for place, status in enumerate(parcel.journey):
        if status not in parcel.reported or status not in kinds or status == before:
            before = status
            continue
        before = status
        day = parcel.moment(place).astimezone(VIETNAM).date() if status in A_DAY else None
        if status not in once | A_DAY or (status, day) not in told_of:
            expected[status] += 1
        told_of.add((status, day))
    return expected
