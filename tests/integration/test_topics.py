"""Topics are made so that what was acknowledged is kept; those that are other than wanted are told of."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from buuta.causes import because
from buuta.settings import SharedSettings
from buuta.streaming.topics import create_topics, together, topics, warnings
from tests.integration.command import buuta


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_with_three_copies_two_must_have_a_record(replication: int, in_sync: str) -> None:
    made = topics(SharedSettings(replication=replication))
    assert {topic.configs["min.insync.replicas"] for topic in made} == {in_sync}


async def test_one_copy_is_warned_of_and_so_is_a_topic_that_differs(settings: SharedSettings) -> None:
    own = settings.model_copy(update={"events_topic": f"other-{settings.events_topic}"})
    admin = AIOKafkaAdminClient(bootstrap_servers=own.kafka)
    await admin.start()
    odd = {"retention.ms": "60000", "min.insync.replicas": "1"}
    await admin.create_topics([NewTopic(own.events_topic, 3, 1, topic_configs=odd)])
    await admin.close()
    assert own.events_topic not in await create_topics(own)
    said = await warnings(own)
    assert f"{own.events_topic} has 3 partitions and not 2" in said
    assert f"{own.events_topic} has retention.ms=60000 and not 34560000000" in said
    assert sum("has one copy" in sentence for sentence in said) == 7
    assert len(said) == 9
    ran = await buuta(own, "topics", "create")
    assert (ran.code, ran.said.count("Warning: ")) == (0, 3)
    assert ran.said.count(": each has one copy") == 1


def test_what_is_said_of_several_topics_is_said_once() -> None:
    said = ["a is missing", "b has 3 copies and not 2", "c is missing"]
    assert together(said) == ["a, c: each is missing", "b has 3 copies and not 2"]


@pytest.mark.parametrize(
    ("code", "words"), [(38, "it has fewer brokers"), (44, "its policy"), (29, "our user")]
)
def test_why_a_broker_refuses_a_topic_is_said_in_words(code: int, words: str) -> None:
    assert because(for_code(code)()).startswith(words)


async def test_who_wants_three_copies_is_not_told_to_want_them(settings: SharedSettings) -> None:
    own = settings.model_copy(update={"events_topic": f"single-{settings.events_topic}"})
    await create_topics(own)
    said = await warnings(own.model_copy(update={"replication": 3}))
    assert f"{own.events_topic} has one copy: what a broker loses is lost" in said
