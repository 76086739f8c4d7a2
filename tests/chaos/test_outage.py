"""Kafka is away while a vendor reports and ingest is killed twice; nothing is lost or doubled."""

from tests.chaos.outage import outage


async def test_what_was_answered_while_kafka_was_away_is_in_the_history_once() -> None:
    found = await outage(seconds=9, rate=60)
    assert found["spooled"] > 300, "most of it waited"
    assert found["answered"] == found["in_history"] == found["distinct"] == 590
