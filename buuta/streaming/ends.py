"""Where partitions of a log begin and end, as the brokers have them now.

The end is read and not only asked for: some brokers (the embedded one) answer `ListOffsets` with the position
behind the first record of the last batch, so a position behind the whole batch would look as if it lay beyond the
log. What a fetch says of the end (the high watermark) is right everywhere.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest

from buuta.streaming.origin import Bounds

LEAST_BYTES: Final = 1
"""Of records, while their end is all that is asked: a broker sends a batch at most."""
WAIT_MS: Final = 50
"""Kafka answers at once, since no byte is asked for; the embedded broker answers nothing to who does not wait."""
READ_UNCOMMITTED: Final = 0


async def bounds(consumer: Any, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Bounds]:
    """First position and end of these partitions; `consumer` is an aiokafka consumer that has started.

    Raises:
        KafkaError: they are not told.
    """
    first = await consumer.beginning_offsets(partitions)
    ends = await read_ends(consumer, partitions)
    return {place: (first[place], ends[place]) for place in partitions}


async def read_ends(consumer: Any, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The end of these partitions: what the leader says when it is asked for records from its own end on.

    Raises:
        KafkaError: it is not told.
    """
    told: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    read: dict[TopicPartition, int] = {}
    for leader, places in _by_leader(consumer, told).items():
        answer = await consumer._client.send(leader, _from(places))
        for topic, found in answer.topics:
            read |= {TopicPartition(topic, number): end for number, error, end, *_ in found if not error}
    return {place: max(end, read.get(place, end)) for place, end in told.items()}


def _by_leader(consumer: Any, ends: Mapping[TopicPartition, int]) -> dict[int, dict[TopicPartition, int]]:
    leaders: dict[int, dict[TopicPartition, int]] = defaultdict(dict)
    for place, end in ends.items():
        leader = consumer._client.cluster.leader_for_partition(place)
        if leader is not None and leader >= 0:
            leaders[leader][place] = end
    return leaders


def _from(places: Mapping[TopicPartition, int]) -> FetchRequest:
    topics: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for place, end in places.items():
        topics[place.topic].append((place.partition, end, LEAST_BYTES))
    return FetchRequest(WAIT_MS, 0, LEAST_BYTES, READ_UNCOMMITTED, list(topics.items()))
