"""Moving to more partitions: a new log, a copy of the old one in it, and the parcels' slots changed.

A parcel's rows belong to the owner of the partition that its key leads to, so the number of partitions of a
log never changes (`buuta.streaming.origin`). To grow: `copy` while everything runs, as often as one likes;
then `move`: the old log is closed for writers, its rest is copied, the slots are changed and the
positions set, in one transaction. A kill in between repeats records in the new log, which count once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from buuta.audit.archive import log_chunks, log_ends
from buuta.audit.recompute import CONSUMER, LONG
from buuta.contracts.codec import Codec
from buuta.contracts.columns import decode_chunk
from buuta.contracts.fit import unfit
from buuta.errors import BadItem
from buuta.settings import SharedSettings
from buuta.streaming.away import unanswered
from buuta.streaming.chunk import Chunk
from buuta.streaming.dead_letters import DeadLetters, dead_places
from buuta.streaming.producer import Pair, Producer, partition_of
from buuta.streaming.progress import unpack
from buuta.streaming.topics import create_topics, topics
from services.tracker.early import SCHEMA, early_places

KEYS: Final = 100_000
COPIED: Final = "select partition, position from moves where topic = $1 and target = $2"
COPY: Final = """
insert into moves values ($1, $2, $3, $4)
on conflict (topic, target, partition) do update set position = excluded.position
"""
STAND: Final = """
select partition, position, pending from progress where consumer = $1 and topic = $2 for update
"""
CLOSE: Final = """
update progress set fence = fence + 1, paused = 'moved to ' || $3 where consumer = $1 and topic = $2
"""
BEGIN: Final = (
    "insert into progress (consumer, topic, partition, position, fence) values ($1, $2, $3, $4, 1)"
)
SLOTS: Final = "create temporary table new_slots (parcel_key text, slot integer) on commit drop"


@dataclass(frozen=True)
class Target:
    """The logs to move to: parcel events and milestones, and how many partitions both have."""

    events: str
    milestones: str
    partitions: int


class Move:
    """One move, from the logs that the settings name."""

    def __init__(
        self, settings: SharedSettings, pool: Any, producer: Producer, target: Target, codec: Codec
    ) -> None:
        self._codec = codec
        self._settings = settings
        self._pool = pool
        self._producer = producer
        self._target = target

    async def copy(self) -> int:
        """Copy what the old log has and the new one lacks; returns how many records.

        Dead letters are left behind: they were not applied, and lie in their own topic. Scans that no door would
        take today join them.

        Raises:
            KafkaAway: no broker answers.
            LogChanged: retention has passed what was to be copied.
        """
        await create_topics(self._new_settings)
        copied, count = dict(await self._pool.fetch(COPIED, self._old, self._target.events)), 0
        dead = await dead_places(self._settings, self._old)
        async for chunk in log_chunks(self._settings, self._old, copied):
            living = await self._living(chunk, dead)
            for partition, pairs in self._placed(living).items():
                await self._producer.send_to(self._target.events, partition, pairs)
            await self._pool.execute(COPY, self._old, self._target.events, chunk.partition, chunk.next)
            count += len(living)
        return count

    async def _living(self, chunk: Chunk, dead: Set[tuple[int, int]]) -> list[Any]:
        """The records of a chunk that are to be copied."""
        known = [
            place for place, each in enumerate(chunk.records) if (chunk.partition, each.offset) in dead
        ]
        values = [each.value for each in chunk.records]
        await self._codec.learn(values)
        why = unfit(self._codec, values)
        new = {place: reason for place, reason in why.items() if place not in known}
        await DeadLetters(self._producer, self._settings.dead_letters_topic).keep(chunk, new)
        # In the new log they would bear a later time, and be believed.
        early = early_places(chunk, decode_chunk(self._codec, values, [SCHEMA]))
        left = why.keys() | set(known) | early
        return [each for place, each in enumerate(chunk.records) if place not in left]

    async def move(self) -> None:
        """Close the old log, copy its rest, and hand the parcels over to the new one's partitions.

        Raises:
            BadItem: `not_applied`, while the tracker has not applied all of the old log.
            KafkaAway: no broker answers; nothing has moved, and the same again is safe.
        """
        await self._close_old()
        await self.copy()
        ends = await log_ends(self._settings, self._target.events)
        old_ends = await log_ends(self._settings, self._old)
        async with self._pool.acquire() as con, con.transaction():
            await con.execute("set local idle_in_transaction_session_timeout = 0")
            await self._hand_over(con, old_ends)
            await con.execute(
                "insert into logs values ($1, $2)", self._target.events, self._target.partitions
            )
            for partition, end in ends.items():
                await con.execute(BEGIN, CONSUMER, self._target.events, partition, end)
            await self._change_slots(con)

    async def _hand_over(self, con: Any, ends: Mapping[int, int]) -> None:
        """Nothing of the old log is left to be applied or told; its owners are fenced off."""
        rows = await con.fetch(STAND, CONSUMER, self._old)
        behind = sum(ends[row["partition"]] - row["position"] for row in rows)
        if behind:
            raise BadItem(
                "not_applied",
                f"{behind} records of {self._old} are not applied yet: let the tracker run and try again",
            )
        for row in rows:
            await self._producer.send_to(
                self._settings.milestones_topic, row["partition"], unpack(row["pending"])
            )
        await con.execute(CLOSE, CONSUMER, self._old, self._target.events)

    async def _change_slots(self, con: Any) -> None:
        await con.execute(SLOTS)
        for table in ("parcels", "past_parcels"):
            cursor = await con.cursor(f"select distinct parcel_key from {table}")  # noqa: S608
            while rows := await cursor.fetch(KEYS):
                keys = [row["parcel_key"] for row in rows]
                slots = [partition_of(key.encode(), self._target.partitions) for key in keys]
                await con.copy_records_to_table("new_slots", records=list(zip(keys, slots, strict=True)))
            await con.execute(
                f"update {table} set slot = new_slots.slot from new_slots "  # noqa: S608
                f"where {table}.parcel_key = new_slots.parcel_key", timeout=LONG,
            )  # fmt: skip
            await con.execute("truncate new_slots")

    async def _close_old(self) -> None:
        """From here on the old log takes no record: whoever still writes there is refused, and says so."""
        [old] = [each for each in topics(self._settings) if each.name == self._old]
        closed = {**old.configs, "max.message.bytes": "1"}
        admin = AIOKafkaAdminClient(bootstrap_servers=self._settings.kafka)
        try:
            await admin.start()
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self._old, closed)])
        except KafkaError as away:
            raise unanswered(away) from away
        finally:
            await admin.close()

    @property
    def _new_settings(self) -> SharedSettings:
        target = self._target
        return self._settings.model_copy(
            update={
                "events_topic": target.events, "milestones_topic": target.milestones,
                "partitions": target.partitions,
            }
        )  # fmt: skip

    @property
    def _old(self) -> str:
        return self._settings.events_topic

    def _placed(self, records: Iterable[Any]) -> dict[int, list[Pair]]:
        placed: dict[int, list[Pair]] = defaultdict(list)
        for record in records:
            placed[partition_of(record.key, self._target.partitions)].append((record.key, record.value))
        return placed
