"""Before each try: is it still news, and not overtaken?"""

import pytest

from buuta.model.milestone import MilestoneKind
from buuta.model.statuses import Status
from services.notifier.domain.rules import (
    HOUR_MS,
    LONGEST_AWAY_SECONDS,
    NEWS_HOURS,
    OVERTAKEN_BY,
    TOLD,
    away_pause,
    news_ms,
)
from services.notifier.domain.states import State
from services.notifier.domain.still import Standing, ends_as

NOW = 1_795_480_000_000
EARLIER, LATER = NOW - 2 * HOUR_MS, NOW - HOUR_MS


def standing(status: str | None = None, status_at: int | None = None) -> Standing:
    return Standing({}, status, status_at, NOW)


def called_for(kind: str, at: int) -> Standing:
    return Standing({kind: at}, None, None, NOW)


def test_what_is_told_has_an_age_and_something_that_overtakes_it_or_nothing_on_purpose() -> None:
    assert OVERTAKEN_BY.keys() == NEWS_HOURS.keys() == TOLD
    assert {kind for kind, by in OVERTAKEN_BY.items() if not by} == {MilestoneKind.DAMAGED}
    assert set().union(*OVERTAKEN_BY.values()) <= set(Status)


@pytest.mark.parametrize(
    ("kind", "later", "end"),
    [
        ("out_for_delivery", "delivered", State.OVERTAKEN), ("out_for_delivery", "attempt_failed", State.OVERTAKEN),
        ("out_for_delivery", "in_transit", State.OVERTAKEN), ("accepted", "in_transit", None),
        ("accepted", "delivered", State.OVERTAKEN), ("attempt_failed", "in_transit", None),
        ("attempt_failed", "attempt_failed", State.OVERTAKEN), ("attempt_failed", "returning", State.OVERTAKEN),
        ("ready_at_point", "delivered", State.OVERTAKEN), ("returning", "returned", State.OVERTAKEN),
        ("damaged", "returning", None), ("delivered", "damaged", None), ("delivered", "returned", State.OVERTAKEN),
        ("held", "in_transit", State.OVERTAKEN), ("delayed", "in_transit", None),
        ("delayed", "out_for_delivery", State.OVERTAKEN), ("lost", "in_transit", State.OVERTAKEN),
    ],
)  # fmt: skip
def test_a_later_state_overtakes_what_would_be_wrong_or_no_use_after_it(
    kind: str, later: str, end: State | None
) -> None:
    assert ends_as(kind, EARLIER, called_for(later, LATER), 48) is end
    if later != kind:
        assert ends_as(kind, EARLIER, standing(later, LATER), 48) is end
    assert ends_as(kind, LATER, called_for(later, EARLIER), 48) is None
    assert ends_as(kind, LATER, standing(later, EARLIER), 48) is None


def test_of_one_moment_the_order_is_that_of_the_fold() -> None:
    """A carrier that says the day only says one moment for all."""
    assert ends_as("out_for_delivery", NOW, called_for("delivered", NOW), 48) is State.OVERTAKEN
    assert ends_as("delivered", NOW, called_for("out_for_delivery", NOW), 48) is None


def test_the_same_status_again_is_no_later_state() -> None:
    assert ends_as("attempt_failed", EARLIER, standing("attempt_failed", LATER), 48) is None


@pytest.mark.parametrize(
    ("hours", "within", "end"), [(9, 48, None), (11, 48, State.EXPIRED), (3, 2, State.EXPIRED)]
)
def test_a_kind_is_news_for_so_long_and_the_setting_shortens_it(
    hours: int, within: int, end: State | None
) -> None:
    assert ends_as("out_for_delivery", NOW - hours * HOUR_MS, standing(), within) is end


def test_a_relay_that_is_away_for_four_hours_loses_no_kind() -> None:
    assert all(news_ms(kind, 48) > 4 * HOUR_MS for kind in TOLD)


def test_a_provider_that_is_away_is_asked_for_less_and_less_often_up_to_a_minute() -> None:
    pauses = [away_pause(misses) for misses in range(1, 500)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, LONGEST_AWAY_SECONDS)
