"""Asking a carrier: what its answers may look like, and how long to wait when none comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import BadItem
from services.ingest.domain.polling import LONGEST_PAUSE, Page, Polling, pause, read_page

NESTED = Polling(items="data.events", next="data.cursor.next")


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        ({"data": {"events": [1, 2], "cursor": {"next": "c2"}}}, Page([1, 2], "c2")),
        ({"data": {"events": [], "cursor": {"next": 17}}}, Page([], "17")),
        ({"data": {"events": [], "cursor": None}}, Page([], None)), ({"data": {"events": []}}, Page([], None)),
    ],
)  # fmt: skip
def test_items_and_the_next_position_lie_where_the_recipe_says(answer: Any, page: Page) -> None:
    assert read_page(NESTED, answer) == page


@pytest.mark.parametrize(
    "answer",
    [
        None, [], "x", {}, {"data": None}, {"data": {"events": {}}},
        {"data": {"events": [], "cursor": {"next": {}}}}, {"data": {"events": [], "cursor": {"next": True}}},
        {"data": {"events": [], "cursor": {"next": "x" * 501}}},
        {"data": {"events": [], "cursor": {"next": 1.5}}},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_refused(answer: Any) -> None:
    with pytest.raises(BadItem):
        read_page(NESTED, answer)


@pytest.mark.parametrize("position", ["c\x00", "\x00", "c\ud800", "\udfff2", "x" * 501])
def test_a_position_that_cannot_be_kept_is_refused_with_its_page(position: str) -> None:
    with pytest.raises(BadItem, match=r"data\.cursor\.next must have"):
        read_page(NESTED, {"data": {"events": [1, 2], "cursor": {"next": position}}})


@given(st.integers(1, 10_000), st.floats(1, 86_400), st.floats(0, 1))
def test_a_pause_grows_and_stays_within_its_bounds(failures: int, every: float, chance: float) -> None:
    found = pause(failures, every, None, chance)
    assert found <= max(LONGEST_PAUSE, every)
    assert found >= min(every, LONGEST_PAUSE) / 2
    assert pause(failures + 1, every, None, chance) >= found


def test_who_says_when_to_come_again_is_believed_within_an_hour() -> None:
    assert pause(1, 60, 7, 0.5) == 7
    assert pause(1, 60, 10**6, 0.5) == 3600
    assert pause(1, 60, 0, 0.5) == 1
