"""Carriers at the batch door: bodies made before anyone is timed, posted as fast as it goes or at a rate."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from benchmarks.corpus import JOURNEY, MORNING_MS, Shape, scans
from buuta.demo.stack import Stack
from buuta.model.scan import Scan

BATCH: Final = 100
CARRIER: Final = "vnp"
CONNECTIONS: Final = 8


@dataclass
class Load:
    """Bodies of a batch each; `scans` counts what was accepted, `answers` are seconds up to an answer."""

    bodies: Iterator[bytes]
    scans: int = 0
    answers: list[float] = field(default_factory=list)


def numbers(parcels: int, every: int) -> list[str]:
    """The numbers of every so-manieth parcel."""
    return [f"EJ{parcel:09}VN" for parcel in range(0, parcels, every)]


def bodies(parcels: int) -> list[bytes]:
    """All scans of so many parcels, in the order in which they happen, the last of them an hour ago."""
    shift = int(time.time() * 1000) - MORNING_MS - (len(JOURNEY) + 2) * 3_600_000
    items = [_item(scan, shift) for scan in scans(Shape(parcels))]
    return [json.dumps(items[place : place + BATCH]).encode() for place in range(0, len(items), BATCH)]


def _item(scan: Scan, shift: int) -> dict[str, Any]:
    at = datetime.fromtimestamp((scan.occurred_at + shift) / 1000, UTC)
    item = {
        "number": scan.number, "code": scan.raw_code, "occurred_at": at.isoformat(),
        "reason": scan.reason, "delivery_mode": scan.delivery_mode, "facility": scan.facility,
        "province": scan.province, "commune": scan.commune,
    }  # fmt: skip
    return {name: value for name, value in item.items() if value is not None}


class Carrier:
    """Posts batches with a key of its own; a batch that is not accepted whole ends the measure."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient) -> None:
        key, _ = stack.keys[CARRIER]
        self._url = f"{stack.url('ingest')}/v1/scans"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._client = client

    async def post(self, load: Load, body: bytes) -> None:
        """One batch."""
        started = time.perf_counter()
        answer = await self._client.post(self._url, content=body, headers=self._headers)
        results = [item["result"] for item in answer.raise_for_status().json()]
        if set(results) != {"accepted"}:
            raise RuntimeError(f"not all were accepted: {set(results)}")
        load.answers.append(time.perf_counter() - started)
        load.scans += len(results)

    async def as_fast_as_it_goes(self, load: Load, batches: int) -> None:
        """So many batches over a few connections, each as soon as the one before was answered."""
        waiting = [next(load.bodies) for _ in range(batches)]

        async def connection(place: int) -> None:
            for body in waiting[place::CONNECTIONS]:
                await self.post(load, body)

        await asyncio.gather(*map(connection, range(CONNECTIONS)))

    async def at_rate(self, load: Load, scans_per_second: float, stop: asyncio.Event) -> None:
        """A batch whenever its time has come, whatever became of the ones before, until told to stop."""
        start, sent = time.perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                group.create_task(self.post(load, next(load.bodies)))
                sent += 1
                due = start + sent * BATCH / scans_per_second
                await asyncio.sleep(max(due - time.perf_counter(), 0))


async def register(stack: Stack, client: httpx.AsyncClient, registered: Sequence[str]) -> None:
    """Somebody waits for each of these parcels and has a telephone."""
    gate = asyncio.Semaphore(CONNECTIONS)

    async def one(place: int, number: str) -> None:
        parcel = {
            "carrier": CARRIER, "number": number,
            "recipient": {"phone": f"+849{place:08}"},
        }  # fmt: skip
        async with gate:
            answer = await client.post(
                f"{stack.url('portal')}/v1/parcels", json=parcel,
                headers={"Authorization": f"Bearer {stack.shipper_key}"},
            )  # fmt: skip
            answer.raise_for_status()

    await asyncio.gather(*(one(place, number) for place, number in enumerate(registered)))
