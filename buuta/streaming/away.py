"""What is said of a Kafka that does not answer, by whichever client."""

from buuta.causes import because
from buuta.errors import KafkaAway


def unanswered(why: BaseException) -> KafkaAway:
    """The error for people, with the cause in words."""
    return KafkaAway(f"Kafka does not answer: {because(why)}. Is BUUTA_KAFKA right?")
