"""Looking: where a parcel is, from the terminal."""

from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table

from buuta.errors import BadItem, Retry

console = Console()
Number = Annotated[str, typer.Argument(help="The tracking number, or CARRIER/NUMBER.")]
Portal = Annotated[str, typer.Option(envvar="BUUTA_PORTAL_URL", help="Where the portal is.")]


def track(number: Number, portal: Portal = "http://127.0.0.1:8082") -> None:
    """Show where a parcel is."""
    carrier, _, rest = number.rpartition("/")
    carriers = [carrier] if carrier else _get(f"{portal}/v1/numbers/{quote(rest, safe='')}")
    if not carriers:
        raise BadItem("parcel_unknown", f"no carrier has reported {rest}; check the number")
    for each in carriers:
        _show(_get(f"{portal}/v1/parcels/{quote(each, safe='')}/{quote(rest, safe='')}"))


def _get(url: str) -> Any:
    try:
        answer = httpx.get(url, timeout=10)
    except httpx.HTTPError as away:
        raise Retry(f"the portal does not answer ({type(away).__name__}): is --portal right?") from away
    if answer.status_code != 200:
        raise BadItem("portal", answer.json().get("detail", f"the portal answers {answer.status_code}"))
    return answer.json()


def _show(parcel: dict[str, Any]) -> None:
    console.print(f"[bold]{parcel['carrier']} {parcel['number']}[/]  {parcel['status'] or 'registered'}")
    table = Table("when", "status", "how or why", "place")
    for scan in parcel["timeline"]:
        status = f"{scan['status']} (reported)" if scan["provisional"] else scan["status"]
        why = scan["delivery_mode"] or scan["reason"] or ""
        place = " ".join(filter(None, (scan["facility"], scan["province"], scan["commune"])))
        table.add_row(scan["occurred_at"], status, why, place)
    console.print(table)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    app.command()(track)
