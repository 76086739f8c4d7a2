"""Carriers that are asked, since they only answer questions."""

import socket
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from buuta.cli.admin import with_database, with_vault
from buuta.cli.formats import format_named
from buuta.cli.listing import Json, Listing, show
from buuta.errors import BadItem
from buuta.settings import load
from buuta.storage.vault import Vault
from services.ingest.domain.addresses import NEAR, checked, is_near, shown
from services.ingest.registry import polls
from services.ingest.settings import IngestSettings
from services.ingest.storage import carrier_of

console = Console()


def poll(
    code: Annotated[str, typer.Argument(help="The carrier's code.")],
    url: Annotated[
        str,
        typer.Option(
            help="Where it answers: http or https; {secret} stands for the key where it wants it in here."
        ),
    ],
    every: Annotated[int, typer.Option(min=1, max=86_400, help="Seconds between two turns.")] = 60,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Holds the key that the carrier gave us; kept encrypted."
        ),
    ] = None,
) -> None:
    """Ask a carrier for what is new, from now on; its format says how (in its recipe's `polling`)."""
    settings = load(IngestSettings)
    checked(url)
    if not settings.ingest_poll_near:
        _check_far(url)
    secret = None if secret_file is None else secret_file.read_text(encoding="utf-8").strip()

    async def work(pool: Any, vault: Vault) -> None:
        carrier = await carrier_of(pool, code)
        if carrier is None:
            raise BadItem("carrier_unknown", f"there is no carrier {code!r}: buuta carrier list shows them")
        if format_named(carrier.format).polling is None:
            raise BadItem(
                "polling_missing", f"format {carrier.format} has no section [polling] in its recipe"
            )
        await polls.ask_at(pool, vault, code, url, every, secret)

    with_vault(work)
    console.print(f"{code} is asked every {every} s.")


def _check_far(url: str) -> None:
    """Say at once what the door would say at its first turn.

    Raises:
        BadItem: the address leads to this machine or its networks.
    """
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError:
        host = parts.hostname
        console.print(
            f"{host} is not found from here; where ingest runs it may be.", markup=False, highlight=False
        )
        return
    if any(is_near(str(each[4][0])) for each in found):
        raise BadItem("url_near", NEAR, "url")


def list_(as_json: Json = False) -> None:
    """List the carriers that are asked: up to where their answers were taken, and what goes wrong."""
    columns = ("carrier", "url", "seconds", "position", "last answer", "failures", "error")
    rows = [
        (
            row["carrier"],
            shown(row["url"]),
            row["every_seconds"],
            row["position"],
            row["last_at"],
            row["failures"],
            row["last_error"],
        )
        for row in with_database(polls.every_poll)
    ]
    show(Listing(columns, rows, "No carrier is asked: buuta carrier poll."), as_json)


def add_to(carrier: typer.Typer) -> None:
    """Add the tools to `buuta carrier`."""
    carrier.command("poll")(poll)
    carrier.command("polls")(list_)
