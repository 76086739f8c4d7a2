"""Waiting for a condition, never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


async def until(condition: Callable[[], Awaitable[Value]], what: str, seconds: float = 60) -> Value:
    """The first true value of the condition; fails with what was waited for."""
    try:
        async with asyncio.timeout(seconds):
            while not (value := await condition()):
                await asyncio.sleep(0.05)
            return value
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds:.0f} s") from None
