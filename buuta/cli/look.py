"""Looking: where a parcel is, as the portal tells it; nothing of the database is loaded for that."""

import json
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer
from rich.console import Console

from buuta.causes import because
from buuta.cli.listing import Json, Listing, show
from buuta.errors import BadItem, Retry
from buuta.model.identifiers import CARRIER
from buuta.model.times import ms_of
from buuta.model.zones import one_zone, told_among
from services.portal.domain.search import Sought, sought

console = Console()
NO_PORTAL: Final = "What answers there is not the portal"
Number = Annotated[str, typer.Argument(help="The tracking number, CARRIER/NUMBER, or a link of the page.")]
Portal = Annotated[str, typer.Option(envvar="BUUTA_PORTAL_URL", help="Where the portal is.")]


def track(number: Number, portal: Portal = "http://127.0.0.1:8082", as_json: Json = False) -> None:
    """Show where a parcel is; with `--json` as the portal's API tells it, one parcel or several of one number."""
    parcels = _found(portal.rstrip("/"), number)
    if not parcels:
        raise BadItem("parcel_unknown", f"no carrier has reported {number!r}; check carrier and number")
    if as_json:
        typer.echo(json.dumps(parcels, indent=2, ensure_ascii=False))
        return
    for each in parcels:
        _show(each)


def _found(portal: str, text: str) -> list[Any]:
    """The parcels of the first number of a text that there is."""
    for one in _sought(text):
        carriers = (
            [one.carrier] if one.carrier else _get(f"{portal}/v1/numbers/{_quoted(one.number)}") or []
        )
        answers = (_get(f"{portal}/v1/parcels/{_quoted(each)}/{_quoted(one.number)}") for each in carriers)
        if parcels := [each for each in answers if each is not None]:
            return parcels
    return []


def _sought(text: str) -> list[Sought]:
    """What may be meant: CARRIER/NUMBER, or whatever somebody pastes into the search of the pages."""
    carrier, slash, number = text.strip().partition("/")
    if slash and CARRIER.fullmatch(carrier.lower()):
        return [Sought(each.number, carrier.lower()) for each in sought(number)]
    return sought(text)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _get(url: str) -> Any:
    """What the portal answers; None where it knows no such parcel."""
    try:
        answer = httpx.get(url, timeout=10)
    except (httpx.HTTPError, httpx.InvalidURL) as away:
        raise Retry(f"The portal does not answer: {because(away)}. Is --portal right?") from away
    try:
        said = answer.json()
    except ValueError:
        raise Retry(f"{NO_PORTAL} ({answer.status_code}). Is --portal right?") from None
    if not isinstance(said, dict | list):
        raise Retry(f"{NO_PORTAL} ({answer.status_code}). Is --portal right?")
    if answer.status_code == httpx.codes.OK:
        return said
    if isinstance(said, dict) and said.get("code") == "parcel_unknown":
        return None
    detail = said.get("detail") if isinstance(said, dict) else None
    raise BadItem("portal", detail or f"the portal answers {answer.status_code}")


def _show(parcel: dict[str, Any]) -> None:
    console.print(f"[bold]{parcel['carrier']} {parcel['number']}[/]  {parcel['status'] or 'registered'}")
    show(
        Listing(("when", "status", "how or why", "place"), lines_of(parcel), "Nothing is reported yet."),
        as_json=False,
    )


def lines_of(parcel: dict[str, Any]) -> list[tuple[str, ...]]:
    """The timeline that the portal's API tells, as people read it: all times in one zone."""
    zone = one_zone(scan["zone"] for scan in parcel["timeline"])
    return [(_when(scan, zone), *_what(scan)) for scan in parcel["timeline"]]


def _what(scan: dict[str, Any]) -> tuple[str, str, str]:
    status = f"{scan['status']} (reported)" if scan["provisional"] else scan["status"]
    place = " ".join(filter(None, (scan["facility"], scan["province"], scan["commune"])))
    return status, scan["delivery_mode"] or scan["reason"] or "", place


def _when(scan: dict[str, Any], zone: str | None) -> str:
    at = ms_of(datetime.fromisoformat(scan["occurred_at"]))
    return told_among(at, scan["zone"], zone, day_only=scan["day_only"])


def add_to(app: typer.Typer) -> None:
    """Add the tool to the command."""
    app.command()(track)
