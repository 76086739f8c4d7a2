"""The archive: the log as Parquet, written from the log and never from the tables.

A folder a schema, a file a run of records: `ScanEvent/0002-00000000000000004000.parquet` holds records of
partition 2 from position 4000 on, with their `partition` and `position` beside the schema's own fields.
`positions.json` says how far the archive reaches; what lies beyond it was left by a run that was killed
and is written anew. Nothing personal is in the log, so nothing personal is here.
"""

import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from buuta.contracts.codec import Codec
from buuta.contracts.columns import Decoded, decode_chunk
from buuta.errors import KafkaAway, LogChanged
from buuta.settings import SharedSettings
from buuta.streaming.away import unanswered
from buuta.streaming.chunk import Chunk, chunk_of
from buuta.streaming.ends import read_ends
from services.tracker.early import early_places, without

SCHEMAS: Final = ("ScanEvent", "ParcelRegistration", "DeadlinePassed")
POSITIONS: Final = "positions.json"
CHUNK_RECORDS: Final = 20_000
WAIT_MS: Final = 1_000
SILENT_SECONDS: Final = 30.0
"""So long a broker that has more may bring nothing before it counts as away."""


class Archive:
    """One topic's archive in one folder."""

    def __init__(self, folder: Path, topic: str) -> None:
        self.folder = folder
        self.topic = topic

    def positions(self) -> dict[int, int]:
        """How far each partition is archived: the first position that is not.

        Raises:
            LogChanged: the folder holds another topic.
        """
        path = self.folder / POSITIONS
        if not path.exists():
            return {}
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["topic"] != self.topic:
            raise LogChanged(f"{self.folder} is an archive of {kept['topic']}, not of {self.topic}")
        return {int(partition): at for partition, at in kept["positions"].items()}

    def drop_unfinished(self) -> None:
        """Delete what a run that was killed wrote beyond the positions."""
        reached = self.positions()
        for path in self.folder.glob("*/*.parquet"):
            partition, start = map(int, path.stem.split("-"))
            if start >= reached.get(partition, 0):
                path.unlink()

    def append(self, chunk: Chunk, decoded: Decoded) -> None:
        """Write a chunk's records; they count once the positions are written."""
        for group in decoded.groups:
            offsets = [chunk.records[place].offset for place in group.places]
            batch = group.batch.append_column("partition", pa.repeat(chunk.partition, len(offsets)))
            batch = batch.append_column("position", pa.array(offsets, pa.int64()))
            path = self.folder / group.schema / f"{chunk.partition:04}-{chunk.start:020}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(batch), path, compression="zstd")

    def reach(self, positions: Mapping[int, int]) -> None:
        """Say how far the archive reaches now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {"topic": self.topic, "positions": {str(each): at for each, at in sorted(positions.items())}}
        fresh = self.folder / f"{POSITIONS}.new"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / POSITIONS)


async def archive_log(settings: SharedSettings, archive: Archive, codec: Codec) -> int:
    """Bring an archive up to the end that the log has now; returns how many records were added.

    Records that no schema of ours reads are dead letters and not archived, nor are deadlines that were told before
    they passed: what they are is seen by their time in the log alone.

    Raises:
        KafkaAway: no broker answers.
        LogChanged: retention has passed the archive, or the archive is another topic's.
    """
    archive.drop_unfinished()
    positions, added = archive.positions(), 0
    async for chunk in log_chunks(settings, archive.topic, positions):
        await codec.learn(chunk.values)
        decoded = decode_chunk(codec, chunk.values, SCHEMAS)
        archive.append(chunk, without(decoded, early_places(chunk, decoded)))
        positions[chunk.partition] = chunk.next
        archive.reach(positions)
        added += len(chunk.records)
    archive.reach(positions)
    return added


async def log_ends(settings: SharedSettings, topic: str) -> dict[int, int]:
    """Where each partition of a topic ends now.

    Raises:
        KafkaAway: no broker answers.
    """
    async with _reading(settings, topic) as consumer:
        ends = await read_ends(consumer, sorted(consumer.assignment()))
        return {place.partition: end for place, end in ends.items()}


async def log_chunks(
    settings: SharedSettings, topic: str, since: Mapping[int, int]
) -> AsyncIterator[Chunk]:
    """A topic's records up to its present end, beginning at the positions of `since`, else at the first.

    Raises:
        KafkaAway: no broker answers.
        LogChanged: the log does not reach to `since`, or there is no such topic.
    """
    async with _reading(settings, topic) as consumer:
        places = sorted(consumer.assignment())
        if not places:
            raise LogChanged(f"the brokers have no topic {topic}")
        first, ends = await consumer.beginning_offsets(places), await read_ends(consumer, places)
        for place in places:
            consumer.seek(place, _start(place, since, first[place], ends[place]))
        open_places = {place for place in places if await consumer.position(place) < ends[place]}
        brought_at = time.monotonic()
        while open_places:
            fetched = await consumer.getmany(*open_places, timeout_ms=WAIT_MS)
            brought_at = time.monotonic() if fetched else brought_at
            if time.monotonic() - brought_at > SILENT_SECONDS:
                raise KafkaAway(f"the broker has more of {topic} and brings nothing")
            for place, records in fetched.items():
                yield chunk_of(topic, place.partition, records)
            open_places = {place for place in open_places if await consumer.position(place) < ends[place]}


@contextlib.asynccontextmanager
async def _reading(settings: SharedSettings, topic: str) -> AsyncIterator[Any]:
    """A consumer of all partitions of a topic that commits nothing."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.kafka, enable_auto_commit=False, max_poll_records=CHUNK_RECORDS
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as away:
        raise unanswered(away) from away
    finally:
        await consumer.stop()


def _start(place: Any, since: Mapping[int, int], first: int, end: int) -> int:
    reached = since.get(place.partition, first)
    where = f"{place.topic}/{place.partition}: the archive reaches to {reached}, but the log"
    if reached < first:
        raise LogChanged(f"{where} begins at {first}; {first - reached} records were never archived")
    if reached > end:
        raise LogChanged(f"{where} ends at {end}; it was made anew or cut off")
    return reached
