"""`buuta demo`: start everything, play the day, show it, reconcile."""

import asyncio
import json
import signal
import time
from typing import Any, Final

import asyncpg
import httpx
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from buuta.demo.journeys import Day
from buuta.demo.play import Ledger, Play
from buuta.demo.reconcile import COUNTS, Reconciliation, reconcile, settle
from buuta.demo.stack import Stack, running
from buuta.telemetry.ending import end

console: Final = Console(stderr=True)


async def demo(duration: float | None, rate: float, seed: int, as_json: bool) -> int:  # noqa: FBT001
    """Run the demo; returns the exit code, 0 only if nothing was lost or doubled."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    console.print("Starting the broker, the database, the sinks and four services …")
    async with (
        running() as stack,
        asyncpg.create_pool(stack.database.url, min_size=1, max_size=4) as pool,
        httpx.AsyncClient(timeout=30) as client,
    ):
        play = Play(stack, Day(seed), pool, client)
        console.print(_where(stack))
        if duration is not None:
            loop.call_later(duration, stop.set)
        showing = asyncio.create_task(_show(stack, play.ledger))
        await play.run(rate, stop)
        console.print("Waiting until all is told …")
        under_way = await settle(stack, play.ledger)
        await end(showing)
        result = await reconcile(stack, play.ledger, under_way)
    _report(result, as_json)
    return 0 if result.balanced else 1


def _where(stack: Stack) -> Panel:
    key, token = stack.keys["vnp"][0], stack.keys["ghn"][1]
    lines = [
        f"Tracking page   {stack.url('portal')}/",
        f"Rates           {stack.url('portal')}/rates",
        f"Shippers' API   {stack.operations('portal')}/docs",
        f"Carriers' API   {stack.operations('ingest')}/docs",
        f"Metrics         {stack.operations('tracker')}/metrics",
        "",
        f"VNPost's API key      {key}",
        f"GHN's webhook token   {token}",
        f"GHTK's webhook token  {stack.keys['ghtk'][1]}",
        f"Shop's API key        {stack.shipper_key}",
    ]
    return Panel("\n".join(lines), title="Bưu tá is running; Ctrl-C ends it", expand=False)


async def _show(stack: Stack, ledger: Ledger) -> None:
    """Show what goes through, once a second."""
    con = await asyncpg.connect(stack.database.url)
    try:
        with Live(console=console, refresh_per_second=2, transient=not console.is_terminal) as live:
            before, at = 0, time.monotonic()
            while True:
                counts = dict(await con.fetchrow(COUNTS))
                delivered = await con.fetchrow(
                    "select sum(delivered_to_address)::int as address, sum(accepted)::int as accepted, "
                    "sum(delivered_to_address + delivered_at_point + delivered_as_asked"
                    " + delivered_unknown_mode)::int as delivered from rate_cells"
                )
                now = time.monotonic()
                speed = (counts["scans"] - before) / max(now - at, 0.001)
                before, at = counts["scans"], now
                live.update(_picture(stack, ledger, counts, delivered, speed))
                await asyncio.sleep(1)
    finally:
        await con.close()


def _picture(stack: Stack, ledger: Ledger, counts: dict[str, Any], rate: Any, speed: float) -> Group:
    table = Table(show_header=False, box=None, padding=(0, 2))
    delivered = rate["delivered"] or 0
    share = f"{(rate['address'] or 0) / delivered:.1%} of {delivered} delivered" if delivered else "–"
    newest = next((parcel for parcel in reversed(ledger.parcels) if parcel.reported), None)
    for name, value in (
        ("reported", f"{ledger.reported}"),
        ("scans in history", f"{counts['scans']}  ({speed:.0f}/s)"),
        ("not yet folded", f"{max(len(ledger.event_ids) - counts['scans'], 0)}"),
        ("parcels", f"{counts['parcels']}"),
        ("milestones", f"{counts['milestones']}"),
        ("SMS / e-mails received", f"{len(stack.sms.texts)} / {len(stack.mail.mails)}"),
        ("quarantined", f"{counts['quarantined']}"),
        ("delivered to the address", share),
    ):
        table.add_row(name, value)
    look = "" if newest is None else f"{stack.url('portal')}/t/{newest.carrier}/{newest.number}"
    return Group(table, f"  look at  {look}")


def _report(result: Reconciliation, as_json: bool) -> None:  # noqa: FBT001
    outcome = {**result.figures, "balanced": result.balanced, "differences": result.differences}
    if as_json:
        print(json.dumps(outcome, indent=2, ensure_ascii=False))  # noqa: T201 - the command's output
        return
    table = Table(title="Reconciliation", show_header=False)
    for name, value in outcome.items():
        table.add_row(name, str(value))
    console.print(table)
    console.print(
        "Nothing was lost or doubled." if result.balanced else "[red]Something does not balance.[/]"
    )
