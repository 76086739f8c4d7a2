"""`buuta demo`: start everything, play the day, show it, reconcile."""

import asyncio
import json
import shlex
import signal
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from buuta.demo import rate
from buuta.demo.inbox import app_of
from buuta.demo.journeys import Day
from buuta.demo.play import Ledger, Play
from buuta.demo.reconcile import COUNTS, Reconciliation, reconcile, settle
from buuta.demo.stack import Stack, running
from buuta.demo.surface import EnvFile, export_lines, inbox_url, where
from buuta.demo.watch import Watch
from buuta.settings import SharedSettings
from buuta.telemetry.ending import end
from buuta.telemetry.service import http

console: Final = Console(stderr=True)


BALANCED: Final = (
    "Nothing was lost or doubled. Each person heard of each parcel in its order,\n"
    "and of nothing that was overtaken."
)
PAUSE: Final = 2
"""A second Ctrl-C ends the demo at once; one that bounces within so many seconds does not."""


@dataclass(frozen=True)
class Wish:
    """What was asked for: for how long (seconds; None until Ctrl-C), how many parcels a second, and which day."""

    duration: float | None
    rate: float
    seed: int
    env_file: Path


async def demo(wish: Wish, *, as_json: bool) -> int:
    """Run the demo; returns the exit code, 0 only if nothing was lost or doubled.

    Raises:
        Stop: something of it ended, and could not be started again.
    """
    stop = _stopping()
    console.print("Starting a Kafka broker, PostgreSQL, a mail server, an SMSC and four services …")
    try:
        async with (
            running() as stack,
            asyncpg.create_pool(stack.database.url, min_size=1, max_size=4) as pool,
            httpx.AsyncClient(timeout=30) as client,
            http(app_of(stack.inbox), SharedSettings(operations_port=stack.inbox_port)),
        ):
            with EnvFile(wish.env_file, export_lines(stack)) as written:
                _print_surface(stack, written.path)
                watch = Watch(stack, _warn)
                play = Play(stack, Day(wish.seed), pool, client)
                result = await _beside(watch.run(), _played(stack, play, wish, stop))
    except asyncio.CancelledError:
        console.print("Ended at once; nothing was reconciled.")
        return 130
    result.figures["services started again"] = dict(watch.restarts)
    _report(result, as_json)
    return 0 if result.balanced else 1


def _warn(said: str) -> None:
    console.print(f"\n{said}\n", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _stopping() -> asyncio.Event:
    """An event that the first Ctrl-C sets; the next one ends everything at once."""
    stop, loop, heard = asyncio.Event(), asyncio.get_running_loop(), [0.0]
    task = asyncio.current_task()

    def hear() -> None:
        if not stop.is_set():
            heard[0] = time.monotonic()
            stop.set()
        elif time.monotonic() - heard[0] > PAUSE and task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, hear)
    return stop


async def _beside(
    watch: Coroutine[Any, Any, None], work: Coroutine[Any, Any, Reconciliation]
) -> Reconciliation:
    """Work while somebody watches; what the watch raises ends the work."""
    watching, working = asyncio.ensure_future(watch), asyncio.ensure_future(work)
    try:
        await asyncio.wait((watching, working), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        return await working
    finally:
        await end(watching, working)


async def _played(stack: Stack, play: Play, wish: Wish, stop: asyncio.Event) -> Reconciliation:
    if wish.duration is not None:
        asyncio.get_running_loop().call_later(wish.duration, stop.set)
    showing = asyncio.create_task(_show(stack, play.ledger))
    try:
        await play.run(wish.rate, stop)
        console.print("Waiting until all is told; Ctrl-C again ends it at once …")
        under_way = await settle(stack, play.ledger)
    finally:
        await end(showing)
    return await reconcile(stack, play.ledger, under_way)


def _print_surface(stack: Stack, written: Path) -> None:
    """Say where everything is; the `export` lines stand alone, so that they can be copied."""
    console.print(Panel("\n".join(where(stack)), title="Bưu tá is running; Ctrl-C ends it", expand=False))
    console.print("For a second terminal, these lines, or just this one:\n", soft_wrap=True)
    console.print(
        f". {shlex.quote(str(written.resolve()))}\n", markup=False, highlight=False, soft_wrap=True
    )
    for line in export_lines(stack):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print()


async def _show(stack: Stack, ledger: Ledger) -> None:
    """Show what goes through, once a second."""
    con = await asyncpg.connect(stack.database.url)
    try:
        with Live(console=console, refresh_per_second=2, transient=not console.is_terminal) as live:
            before, at = 0, time.monotonic()
            while True:
                counts = dict(await con.fetchrow(COUNTS))
                reached = rate.said(await rate.counted(con))
                now = time.monotonic()
                speed = (counts["scans"] - before) / max(now - at, 0.001)
                before, at = counts["scans"], now
                live.update(_picture(stack, ledger, counts, reached, speed))
                await asyncio.sleep(1)
    finally:
        await con.close()


def _picture(stack: Stack, ledger: Ledger, counts: dict[str, Any], reached: str, speed: float) -> Group:
    table = Table(show_header=False, box=None, padding=(0, 2))
    newest = next((parcel for parcel in reversed(ledger.parcels) if parcel.reported), None)
    for name, value in (
        ("reported", f"{ledger.reported}"),
        ("scans in history", f"{counts['scans']}  ({speed:.0f}/s)"),
        ("not yet folded", f"{max(len(ledger.event_ids) - counts['scans'], 0)}"),
        ("parcels", f"{counts['parcels']}"),
        ("milestones", f"{counts['milestones']}"),
        ("SMS / e-mails received", f"{len(stack.sms.texts)} / {len(stack.mail.mails)}"),
        ("quarantined", f"{counts['quarantined']}"),
        ("delivered to the address", reached),
    ):
        table.add_row(name, value)
    look = "" if newest is None else f"{stack.url('portal')}/t/{newest.carrier}/{newest.number}"
    return Group(table, f"  look at  {look}", f"  inbox    {inbox_url(stack)}")


def _report(result: Reconciliation, as_json: bool) -> None:  # noqa: FBT001
    outcome = {**result.figures, "balanced": result.balanced, "differences": result.differences}
    if as_json:
        print(json.dumps(outcome, indent=2, ensure_ascii=False))  # noqa: T201 - the command's output
        return
    table = Table(title="Reconciliation", show_header=False)
    for name, value in _flat(result.figures):
        table.add_row(name, value)
    console.print(table)
    for difference in result.differences:
        console.print(f"differs: {difference}", style="red", markup=False)
    console.print(BALANCED if result.balanced else "[red]Something does not balance.[/]")


def _flat(figures: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Figures with their names, those of a group under the group's name."""
    for name, value in figures.items():
        full = f"{before}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{full}: ")
        else:
            yield full, str(value)
