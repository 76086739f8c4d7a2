"""The Kafka door: carriers that have Kafka produce `ScanEvent` to `carrier.CODE.scans`.

Who they are follows from the topic, which the broker lets nobody else write to, and not from what the record says:
carrier, id, status, receipt and mapping are ours. A position is committed when its scans are in the log; what comes
twice has one id.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from buuta.contracts.codec import Codec
from buuta.errors import BadItem, Retry, Undecodable
from buuta.model.statuses import CorrectionKind, DeliveryMode, OffsetSource, Reason
from buuta.model.times import BusinessTime, in_range
from buuta.storage.faults import is_away
from buuta.telemetry.clock import now_ms
from services.ingest.domain.fields import code
from services.ingest.domain.recipe import Receipt, Report
from services.ingest.intake import Intake
from services.ingest.storage import Carrier, carrier_of

log = structlog.get_logger()
DOOR: Final = "kafka"
TOPICS: Final = r"^carrier\.[a-z][a-z0-9]{1,15}\.scans$"
GROUP: Final = "buuta-ingest"
MOST: Final = 2_000
WAIT_MS: Final = 500
PAUSE_SECONDS: Final = 5.0
NEW_TOPICS_MS: Final = 30_000


class KafkaDoor:
    """Takes in what carriers produce; several processes share the topics' partitions."""

    def __init__(self, bootstrap: str, intake: Intake, codec: Codec) -> None:
        self._bootstrap = bootstrap
        self._intake = intake
        self._codec = codec

    async def run(self) -> None:
        """Take in for ever; what is away now is tried again from the last committed position."""
        while True:
            try:
                await self._consume()
            except Exception as why:
                if not (isinstance(why, KafkaError | Retry) or is_away(why)):
                    log.exception("kafka_door_failed")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=GROUP, enable_auto_commit=False,
            auto_offset_reset="earliest", metadata_max_age_ms=NEW_TOPICS_MS,
        )  # fmt: skip
        consumer.subscribe(pattern=TOPICS)
        try:
            await consumer.start()
            while True:
                fetched = await consumer.getmany(timeout_ms=WAIT_MS, max_records=MOST)
                for place, records in fetched.items():
                    await self.take(place.topic.split(".")[1], [record.value or b"" for record in records])
                if fetched:
                    await consumer.commit()
        finally:
            await consumer.stop()

    async def take(self, code: str, values: Sequence[bytes]) -> None:
        """Take records of one carrier in; what is refused is set aside as it came.

        Raises:
            KafkaAway: not all are safe; they come again.
        """
        carrier: Carrier | None = await carrier_of(self._intake.pool, code)
        receipt = Receipt(code, DOOR, now_ms()) if carrier is None else carrier.receipt(DOOR, now_ms())
        if carrier is None:
            for value in values:
                await self._intake.keep(receipt, value, "carrier_unknown")
            return
        await self._codec.learn(values)
        answers = await self._intake.take(carrier, receipt, values, lambda value: read(self._codec, value))
        await self._intake.keep_rejected(carrier, receipt, values, answers)


def read(codec: Codec, value: Any) -> Report:
    """A `ScanEvent` of a carrier's own as a report: its raw code is what counts, and its status is ours to say.

    Raises:
        BadItem: bytes that are none, a time that cannot be, or a place that is no code.
    """
    try:
        name, said = codec.decode(value)
    except Undecodable as wrong:
        raise BadItem("record_undecodable", str(wrong)) from None
    if name != "ScanEvent":
        raise BadItem("record_not_scan", f"a {name} does not belong in this topic")
    at = in_range(said["occurred_at"])
    corrects, kind = said["corrects_event_id"], said["correction_kind"]
    return Report(
        number=said["number"], raw_code=said["raw_code"],
        time=BusinessTime(at, said["offset_minutes"], OffsetSource(said["offset_source"])),
        reason=Reason(said["reason"]) if said["reason"] else None,
        mode=DeliveryMode(said["delivery_mode"]) if said["delivery_mode"] else None,
        provisional=said["provisional"],
        facility=code("facility", said["facility"]), province=code("province", said["province"]),
        commune=code("commune", said["commune"]), attempt=said["attempt"], distance_bucket=said["distance_bucket"],
        proof_present=said["proof_present"], corrects=corrects,
        correction=CorrectionKind(kind) if kind else None,
    )  # fmt: skip
