"""Dead letters: bytes that nobody can read or store, kept as received with the reason beside them."""

from collections.abc import Mapping

from buuta.streaming.chunk import Chunk
from buuta.streaming.producer import Producer


class DeadLetters:
    """The topic `dead-letters`: key and value as received, reason and source in the headers."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def keep(self, chunk: Chunk, reasons: Mapping[int, str]) -> None:
        """Keep the records at these places of the chunk; acknowledged before this returns.

        A worker that dies between this and its commit keeps them twice: source topic, partition and
        offset in the headers tell one from the other.

        Raises:
            KafkaAway: not acknowledged; the chunk must be tried again.
        """
        for place, reason in sorted(reasons.items()):
            record = chunk.records[place]
            source = [
                ("reason", reason.encode()),
                ("topic", chunk.topic.encode()),
                ("partition", str(chunk.partition).encode()),
                ("offset", str(record.offset).encode()),
            ]
            # Kafka wants a key or a value; a record without both keeps an empty key.
            key = b"" if record.key is None and record.value is None else record.key
            await self._producer.send(self._topic, key, record.value, [*source, *record.headers])
