"""The demo's books of messages: an order that is not kept, and what is overtaken, are differences."""

import uuid
from datetime import UTC, datetime, timedelta

from buuta.demo.messages import Row, after_what_overtakes, out_of_order

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HAPPENED = int(NOON.timestamp() * 1000) - 3_600_000


def row(kind: str, minute: int, *, known: int = 0, left: int = 1) -> Row:
    """A message of what happened in a minute, called for and submitted so many seconds after noon."""
    created, submitted = NOON + timedelta(seconds=known), NOON + timedelta(seconds=left)
    return Row(
        uuid.uuid4(), "ghn:P", "sms", kind, "sent", HAPPENED + minute * 60_000, "{}", created, submitted
    )


def test_what_is_overtaken_and_was_received_all_the_same_is_counted() -> None:
    out, delivered = row("out_for_delivery", 1), row("delivered", 2)
    assert after_what_overtakes([out, delivered]) == 0
    assert after_what_overtakes([delivered, out]) == 1
    assert after_what_overtakes([delivered, row("damaged", 1)]) == 0


def test_who_hears_later_news_first_though_both_were_known_is_counted() -> None:
    damaged, delivered = row("damaged", 1), row("delivered", 2)
    assert out_of_order([damaged, delivered]) == 0
    assert out_of_order([delivered, damaged]) == 1
    assert out_of_order([delivered, row("damaged", 1, known=5)]) == 0, "nobody knew of it yet"
