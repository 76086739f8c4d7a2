"""Guesses that fail have a limit by sender and by site; who finds what it asks for does not use it up."""

import asyncio

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from buuta.errors import DatabaseAway, Forbidden
from buuta.model.networks import senders_of
from buuta.web.guessing import MOST_REMEMBERED, SITE, Allowance, Guesses, Holders
from buuta.web.problems import Problem

ALLOWANCE = Allowance(10, 1.0)
HERE = "203.0.113.9"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def wrong(guesses: Guesses, address: str, count: int) -> int:
    """Guess wrong so many times; returns how many of them were looked up."""
    passed, refusals = 0, []
    for _ in range(count):
        try:
            guesses.take(address)
        except Problem as refused:
            refusals.append(refused)
        else:
            passed += 1
    assert all(each.status == 429 and int((each.headers or {})["Retry-After"]) >= 1 for each in refusals)
    return passed


def test_so_many_wrong_guesses_pass_at_once_and_so_many_a_second() -> None:
    clock = Clock()
    guesses = Guesses(ALLOWANCE, clock)
    assert wrong(guesses, HERE, 1_500) == 10
    clock.now += 5
    assert wrong(guesses, HERE, 1_500) == 5


def test_right_guesses_use_nothing_up() -> None:
    guesses = Guesses(ALLOWANCE, Clock())
    for _ in range(1_000):
        guesses.take(HERE)
        guesses.right(HERE)
    assert wrong(guesses, HERE, 20) == 10


@pytest.mark.parametrize(
    ("neighbours", "share"),
    [([f"203.0.113.{last}" for last in range(1, 255)], SITE),
     ([f"2001:db8:1:{net:x}::1" for net in range(256)], SITE),
     ([f"2001:db8:1:2::{host:x}" for host in range(1, 256)], 1),
     (["::ffff:203.0.113.9", HERE], 1), (["", "nonsense", "a,b"], 1)],
)  # fmt: skip
def test_a_site_guesses_as_much_as_some_senders_however_many_addresses_it_has(
    neighbours: list[str], share: int
) -> None:
    guesses = Guesses(ALLOWANCE, Clock())
    passed = sum(wrong(guesses, each, 20) for each in neighbours)
    assert passed <= share * ALLOWANCE.at_once
    assert wrong(guesses, "198.51.100.7", 20) == 10, "others are not concerned"


def test_memory_is_bounded() -> None:
    guesses = Guesses(ALLOWANCE, Clock())
    for number in range(MOST_REMEMBERED + 1_000):
        wrong(guesses, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1)
    assert len(guesses._used) <= MOST_REMEMBERED


def asking(address: str = HERE) -> Request:
    return Request({"type": "http", "client": (address, 1), "headers": []})


class Keys:
    """Keys with their holders, and the looks that they cost."""

    def __init__(self, **held: str) -> None:
        self.held, self.looks = held, 0
        self.holders = Holders(Guesses(ALLOWANCE, Clock()), "nobody has it")

    async def try_(self, key: str) -> str | int:
        """Whose it is, or the status that is heard."""

        async def look() -> str | None:
            self.looks += 1
            await asyncio.sleep(0)
            return self.held.get(key)

        try:
            return await self.holders.of(asking(), key, look)
        except Forbidden:
            return 401
        except Problem as refused:
            return refused.status


@pytest.mark.parametrize("at_once", [True, False])
async def test_wrong_keys_cost_no_look_beyond_the_limit(*, at_once: bool) -> None:
    keys = Keys()
    tried = [keys.try_(f"bs_{place}") for place in range(1_000)]
    heard = await asyncio.gather(*tried) if at_once else [await each for each in tried]
    assert (keys.looks, heard.count(401), heard.count(429)) == (10, 10, 990)


async def test_a_key_that_was_good_is_let_in_whatever_its_neighbours_guess_until_it_ends() -> None:
    keys = Keys(bs_good="shop")
    assert await asyncio.gather(*(keys.try_("bs_good") for _ in range(100))) == ["shop"] * 100
    assert keys.looks == 1, "who comes with one new key at once is one guess"
    for place in range(50):
        await keys.try_(f"bs_{place}")
    assert await keys.try_("bs_good") == "shop"
    keys.held.clear()
    assert [await keys.try_("bs_good") for _ in range(3)] == [401, 429, 429], "an end holds at once"


async def test_a_look_that_fails_is_no_guess() -> None:
    holders = Holders(Guesses(ALLOWANCE, Clock()), "nobody has it")

    async def away() -> str | None:
        raise DatabaseAway("PostgreSQL is away")

    for _ in range(50):
        with pytest.raises(DatabaseAway):
            await holders.of(asking(), "bs_good", away)


@given(st.text(max_size=60))
def test_whatever_a_proxy_says_is_somebody(address: str) -> None:
    assert all(senders_of(address))


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=60))
def test_over_any_time_no_more_pass_than_the_burst_and_the_rate(moves: list[tuple[bool, float]]) -> None:
    clock, passed = Clock(), 0
    guesses = Guesses(ALLOWANCE, clock)
    for is_right, pause in moves:
        clock.now += pause
        taken = wrong(guesses, HERE, 1)
        if taken and is_right:
            guesses.right(HERE)
        passed += taken and not is_right
    assert passed <= ALLOWANCE.at_once + (clock.now - 1_000.0) * ALLOWANCE.a_second + 1
