"""The topics, and what each is for; `buuta topics create` makes them."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from buuta.causes import because
from buuta.errors import Retry
from buuta.settings import SharedSettings
from buuta.streaming.away import unanswered


@dataclass(frozen=True)
class Topic:
    """A topic, its number of partitions and its settings at the broker."""

    name: str
    partitions: int
    configs: Mapping[str, str]


class Part(Enum):
    """What of a topic may differ."""

    TOPIC = auto()
    COPIES = auto()
    PARTITIONS = auto()
    SETTING = auto()


class Difference(NamedTuple):
    """What of a topic is unsafe or not as it is wanted, as a sentence without its subject."""

    topic: str
    part: Part
    says: str

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"{self.topic} {self.says}"


DAYS_MS = 86_400_000
TIMED: Final[Mapping[str, str]] = {"message.timestamp.type": "LogAppendTime"}
"""The broker says when a record came in, and not whoever sent it, whose clock may be wrong."""
IN_SYNC: Final = "min.insync.replicas"
COMPACTED: Mapping[str, str] = {"cleanup.policy": "compact"}


def topics(settings: SharedSettings) -> list[Topic]:
    """All topics.

    Milestones have as many partitions as the log that they come from: the tracker writes a
    partition's milestones to the partition of the same number.
    """
    wanted = [
        Topic(settings.events_topic, settings.partitions, {"retention.ms": str(400 * DAYS_MS), **TIMED}),
        Topic(settings.milestones_topic, settings.partitions, {"retention.ms": str(30 * DAYS_MS), **TIMED}),
        Topic(settings.notifications_topic, settings.partitions, {"retention.ms": str(90 * DAYS_MS)}),
        Topic(settings.rates_topic, settings.partitions, COMPACTED),
        Topic(settings.parcels_topic, settings.partitions, COMPACTED),
        Topic(settings.quarantine_topic, 1, {"retention.ms": str(400 * DAYS_MS)}),
        Topic(settings.dead_letters_topic, 1, {"retention.ms": str(400 * DAYS_MS)}),
    ]
    safe = {IN_SYNC: str(in_sync(settings.replication))}
    return [Topic(each.name, each.partitions, {**each.configs, **safe}) for each in wanted]


def in_sync(replication: int) -> int:
    """How many copies must have a record before it counts as acknowledged.

    With three copies and more two, so that neither the loss of a broker loses what was acknowledged nor its absence
    refuses what comes.
    """
    return 2 if replication >= 3 else 1


async def create_topics(settings: SharedSettings) -> list[str]:
    """Create what is missing; returns the names that were created.

    Raises:
        KafkaAway: no broker answers.
        Retry: the broker refuses a topic for the time being.
    """
    async with _admin(settings) as admin:
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


@contextlib.asynccontextmanager
async def _admin(settings: SharedSettings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    try:
        await admin.start()
        yield admin
    except KafkaError as away:
        raise unanswered(away) from away
    finally:
        await admin.close()


async def warnings(settings: SharedSettings) -> list[str]:
    """What of the topics, as they are, is unsafe or not as it is wanted: a sentence each.

    Raises:
        KafkaAway: no broker answers.
    """
    return [each.sentence for each in await differences(settings)]


async def differences(settings: SharedSettings) -> list[Difference]:
    """The same, told apart by what differs.

    Raises:
        KafkaAway: no broker answers.
    """
    wanted = topics(settings)
    async with _admin(settings) as admin:
        # Asking a broker for a topic by its name may make it.
        there = set(await admin.list_topics())
        absent = [
            Difference(topic.name, Part.TOPIC, "is missing") for topic in wanted if topic.name not in there
        ]
        wanted = [topic for topic in wanted if topic.name in there]
        if not wanted:
            return absent
        described = await admin.describe_topics([topic.name for topic in wanted])
        copies = {each["topic"]: each["partitions"] for each in described if not each["error_code"]}
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in wanted]
        configs = dict(_configs(await admin.describe_configs(asked)))
    return absent + [
        difference
        for topic in wanted
        for difference in _differences(
            settings, topic, copies.get(topic.name, []), configs.get(topic.name, {})
        )
    ]


def together(sentences: Sequence[str]) -> list[str]:
    """The same sentences, those that say the same of several topics as one."""
    names: dict[str, list[str]] = {}
    for each in sentences:
        name, _, said = each.partition(" ")
        names.setdefault(said, []).append(name)
    return [f"{', '.join(of)}{': each' if len(of) > 1 else ''} {said}" for said, of in names.items()]


def _configs(answers: Any) -> Iterator[tuple[str, dict[str, str]]]:
    for answer in answers:
        for resource in answer.to_object()["resources"]:
            entries = resource["config_entries"]
            yield (
                resource["resource_name"],
                {each["config_names"]: each["config_value"] for each in entries},
            )


def _differences(
    settings: SharedSettings, topic: Topic, partitions: Any, configs: Mapping[str, str]
) -> Iterator[Difference]:
    differs = partial(Difference, topic.name)
    copies = min((len(each["replicas"]) for each in partitions), default=0)
    if copies == 1:
        wanted = "; set BUUTA_REPLICATION to 3" if settings.replication == 1 else ""
        yield differs(Part.COPIES, f"has one copy: what a broker loses is lost{wanted}")
    if copies != settings.replication and copies != 1:
        yield differs(Part.COPIES, f"has {copies} copies and not {settings.replication}")
    if len(partitions) != topic.partitions:
        yield differs(Part.PARTITIONS, f"has {len(partitions)} partitions and not {topic.partitions}")
    for name, value in topic.configs.items():
        found = configs.get(name)
        if found is not None and found != value:
            yield differs(Part.SETTING, f"has {name}={found} and not {value}")


def _created(name: str, code: int) -> bool:
    if code == TopicAlreadyExistsError.errno:
        return False
    if code:
        raise Retry(f"the broker refuses topic {name}: {because(for_code(code)())}")
    return True
