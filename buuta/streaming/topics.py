"""The topics, and what each is for; `buuta topics create` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from buuta.errors import KafkaAway, Retry
from buuta.settings import SharedSettings


@dataclass(frozen=True)
class Topic:
    """A topic, its number of partitions and its settings at the broker."""

    name: str
    partitions: int
    configs: Mapping[str, str]


DAYS_MS = 86_400_000
COMPACTED: Mapping[str, str] = {"cleanup.policy": "compact"}


def topics(settings: SharedSettings) -> list[Topic]:
    """All topics.

    Milestones have as many partitions as the log that they come from: the tracker writes a
    partition's milestones to the partition of the same number.
    """
    return [
        Topic(settings.events_topic, settings.partitions, {"retention.ms": str(400 * DAYS_MS)}),
        Topic(settings.milestones_topic, settings.partitions, {"retention.ms": str(30 * DAYS_MS)}),
        Topic(settings.notifications_topic, settings.partitions, {"retention.ms": str(90 * DAYS_MS)}),
        Topic(settings.rates_topic, settings.partitions, COMPACTED),
        Topic(settings.parcels_topic, settings.partitions, COMPACTED),
        Topic(settings.quarantine_topic, 1, {"retention.ms": str(400 * DAYS_MS)}),
        Topic(settings.dead_letters_topic, 1, {"retention.ms": str(400 * DAYS_MS)}),
    ]


async def create_topics(settings: SharedSettings) -> list[str]:
    """Create what is missing; returns the names that were created.

    Raises:
        KafkaAway: no broker answers.
        Retry: the broker refuses a topic for the time being.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        wanted = [
            NewTopic(
                topic.name,
                topic.partitions,
                settings.replication,
                topic_configs=dict(topic.configs),
            )
            for topic in topics(settings)
        ]
        answer = await admin.create_topics(wanted)
        return [name for name, code, *_ in answer.topic_errors if _created(name, code)]
    except KafkaError as away:
        raise KafkaAway(f"no broker answers: {type(away).__name__}") from away
    finally:
        await admin.close()


def _created(name: str, code: int) -> bool:
    if code == TopicAlreadyExistsError.errno:
        return False
    if code:
        raise Retry(f"the broker refuses topic {name}: {for_code(code).__name__}")
    return True
