"""What a measure reads while the services run: their histograms, and how far they are behind the log."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from buuta.demo.stack import Stack

QUANTILES: Final = (0.5, 0.95, 0.99)
POSITIONS: Final = "select partition, position from progress where consumer = 'tracker'"
Buckets = Mapping[float, float]
"""Observations up to each upper bound, in seconds."""


async def buckets(stack: Stack, service: str, name: str, **labels: str) -> dict[float, float]:
    """A histogram of a service as it stands."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{stack.operations(service)}/metrics")).text
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{name}_bucket" and labels.items() <= sample.labels.items()
    }


def between(before: Buckets, after: Buckets) -> dict[float, float]:
    """What was observed meanwhile."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def quantiles(observed: Buckets) -> list[float]:
    """The quantiles in seconds, straight lines within a bucket, as Prometheus has them."""
    return [_quantile(sorted(observed.items()), wanted) for wanted in QUANTILES]


def _quantile(observed: list[tuple[float, float]], wanted: float) -> float:
    rank = wanted * observed[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in observed:
        if count >= rank and count > below:
            share = (rank - below) / (count - below)
            return lower if bound == float("inf") else lower + (bound - lower) * share
        lower, below = bound, count
    return float("nan")


class Watch:
    """Samples position and log end of every partition, until it is left."""

    def __init__(self, stack: Stack, con: Any, topic: str) -> None:
        self._con = con
        self._tps = [TopicPartition(topic, place) for place in range(4)]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=stack.broker.address)
        self.samples: list[tuple[float, dict[int, int], dict[int, int]]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Watch":
        await self._consumer.start()
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await self._consumer.stop()

    async def _sample(self) -> None:
        while True:
            ends = await self._consumer.end_offsets(self._tps)
            positions = dict(await self._con.fetch(POSITIONS))
            log = {tp.partition: end for tp, end in ends.items()}
            self.samples.append((time.perf_counter(), positions, log))
            await asyncio.sleep(0.03)

    def behind(self) -> int:
        """Records that are not applied yet, at the last sample."""
        _, positions, log = self.samples[-1]
        return sum(log.values()) - sum(positions.values())

    def behind_for(self, since: float, records: float) -> float:
        """Seconds from `since` up to the last moment with more records than that unapplied."""
        late = [
            at
            for at, positions, log in self.samples
            if at >= since and sum(log.values()) - sum(positions.values()) > records
        ]
        return max(late, default=since) - since

    def longest_pause(self, since: float, until: float) -> float:
        """The longest time in which a partition with unread records stood still, in seconds."""
        return max(self._pause(place, since, until) for place in range(len(self._tps)))

    def _pause(self, place: int, since: float, until: float) -> float:
        longest, stood, moved = 0.0, -1, since
        for at, positions, log in self.samples:
            if since <= at <= until:
                if positions.get(place, 0) != stood or log[place] == stood:
                    stood, moved = positions.get(place, 0), at
                longest = max(longest, at - moved)
        return longest
