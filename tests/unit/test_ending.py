"""The end of tasks: whoever cancels them waits until they have ended, within a limit, and says which would not."""

import ast
import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from buuta.storage.background import running
from buuta.telemetry.ending import END_SECONDS, end, place_of

ROOT = Path(__file__).parents[2]
TIMERS = {
    ("connections.py", "self._timer.cancel()"),
    ("connections.py", "self._unread.cancel()"),
    ("bounded.py", "cut.cancel()"),
    ("kafka.py", "timer.cancel()"),
}
"""What `loop.call_at` returns is no task: it ends by its cancellation."""
MAIN = ("run.py", "task.cancel()")
"""The demo's main task, at the second Ctrl-C: `asyncio.run` waits for it."""


async def swallows(times: int) -> None:
    """Go on after so many cancellations."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


async def outer(times: int) -> None:
    await swallows(times)


async def fails() -> None:
    raise ValueError("Nguyen Van Canary")


async def begun(times: int) -> "asyncio.Task[None]":
    task = asyncio.create_task(outer(times))
    await asyncio.sleep(0)
    return task


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again_until_it_ends() -> None:
    tasks = [await begun(times) for times in (0, 1, 3)]
    with capture_logs() as said:
        await end(*tasks, again=0.01)
    assert all(task.cancelled() for task in tasks)
    assert said == []


async def test_of_what_does_not_end_within_the_limit_it_is_said_where_it_is() -> None:
    stubborn, obedient = await begun(50), await begun(0)
    with capture_logs() as said:
        await end(stubborn, obedient, again=0.01, within=0.05)
    assert obedient.cancelled()
    assert not stubborn.done()
    assert [(each["event"], each["task"], each["seconds"]) for each in said] == [
        ("task_does_not_end", "outer > swallows > Event.wait", 0.05)
    ]
    await end(stubborn, again=0.001)
    assert stubborn.cancelled()


async def test_what_a_task_had_failed_with_is_named_by_its_kind_alone() -> None:
    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    with capture_logs() as said:
        await end(task)
    assert [(each["event"], each["task"], each["error"]) for each in said] == [
        ("task_had_failed", "fails", "ValueError")
    ]
    assert "Canary" not in str(said)


async def test_loops_beside_a_body_have_ended_behind_it_though_they_swallow_a_cancellation() -> None:
    before = asyncio.all_tasks()
    async with asyncio.timeout(END_SECONDS), running(outer(1), outer(0)):
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks() - before) == 2
    assert asyncio.all_tasks() == before


async def test_the_end_of_nothing_is_at_once() -> None:
    await end()
    assert place_of(asyncio.get_running_loop().create_future()) == "Future"


def test_nobody_cancels_a_task_by_hand() -> None:
    """A task that is cancelled and not waited for may go on behind the end of what it works on."""
    found = {
        (path.name, ast.unparse(call))
        for folder in ("buuta", "services")
        for path in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "cancel"
    }
    assert found == {*TIMERS, ("ending.py", "task.cancel()"), MAIN}
