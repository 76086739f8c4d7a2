"""A channel's provider: what it does not answer is the channel's state."""

from services.notifier.reach import Reach


def test_a_provider_that_was_not_reached_rests_and_is_then_asked_for_by_one_message() -> None:
    reach = Reach("test")
    assert (reach.rests, reach.at_once(16)) == (False, 16)
    reach.missed("SMTPConnectError")
    assert (reach.rests, reach.at_once(16)) == (True, 1)
    reach.answered()
    assert reach.at_once(16) == 16


def test_messages_that_were_under_way_together_are_one_miss() -> None:
    reach = Reach("test")
    for _ in range(16):
        reach.missed("SMTPConnectError")
    assert reach.pause == 1.0


def test_a_provider_that_wants_less_is_asked_for_nothing_for_a_moment_and_is_not_away() -> None:
    reach = Reach("test")
    reach.slower()
    assert (reach.rests, reach.at_once(16)) == (True, 16)
