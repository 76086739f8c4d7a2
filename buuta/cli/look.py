"""Looking: where a parcel is, and what the vault holds of it, from the terminal."""

import json
from datetime import datetime
from getpass import getuser
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import structlog
import typer
from rich.console import Console

from buuta.audit.forgetting import forget as forget_parcel
from buuta.audit.forgetting import is_known
from buuta.causes import because
from buuta.cli.admin import with_database, with_vault
from buuta.cli.listing import Json, Listing, show
from buuta.cli.names import Named, must_exist
from buuta.errors import BadItem, Retry
from buuta.model.identifiers import CARRIER, SHARED, one_spelling, owner_of, parcel_key
from buuta.model.times import ms_of
from buuta.model.zones import one_zone, told_time
from buuta.storage.vault import Vault
from buuta.telemetry.logs import WITNESS
from services.ingest.keeping import details_of
from services.portal.domain.search import Sought, sought

log = structlog.get_logger(WITNESS)
console = Console()
NO_PORTAL: Final = "What answers there is not the portal"
Number = Annotated[str, typer.Argument(help="The tracking number, CARRIER/NUMBER, or a link of the page.")]
Parcel = Annotated[str, typer.Argument(metavar="CARRIER/NUMBER", help="The parcel.")]
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
    """The time in the zone of the whole timeline; a day is the place's."""
    at = ms_of(datetime.fromisoformat(scan["occurred_at"]))
    return told_time(at, scan["zone"] if scan["day_only"] else zone, day_only=scan["day_only"])


def details(parcel: Parcel, as_json: Json = False) -> None:
    """Show what the vault holds of a parcel's scans: positions, digital addresses, notes, proofs. It is logged."""
    key = _key(parcel)

    async def work(pool: Any, vault: Vault) -> Any:
        found = await details_of(pool, vault, key)
        if not found and not await is_known(pool, key):
            raise BadItem(
                "parcel_unknown",
                f"there is no parcel {parcel}: check carrier and number, or it was forgotten",
            )
        return found

    found = with_vault(work)
    log.info("details_shown", parcel=key, by=getuser())
    if found or as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        console.print("No details are kept of it.")


def forget(parcel: Parcel) -> None:
    """Erase what is personal of a parcel: its key and all under it, contacts, messages, reports in quarantine.

    Scans, states and figures stay. Reports that are still in the quarantine's topic are reached once they are home:
    run it again then. A carrier's own files and its reports of refused lines lie where it put them.
    """
    key = _key(parcel)
    found = with_vault(lambda pool, vault: forget_parcel(pool, vault, key))
    log.info("parcel_forgotten", parcel=key, by=getuser())
    for name, count in found.erased.items():
        console.print(f"{count:>6}  {name}")
    if found.unread:
        console.print(
            f"{found.unread} reports in quarantine do not open, so nobody knows of whom they tell."
        )
    console.print(
        "Reports that wait in the quarantine's topic, as while PostgreSQL is away, are not reached: "
        "once they are home, within minutes, run this again."
    )
    console.print("Forgotten." if found.erased else "There was nothing personal to forget.")


def _key(parcel: str) -> str:
    """The key of CARRIER/NUMBER; a post's S10 number is kept under `s10`."""
    carrier, slash, number = parcel.partition("/")
    if not slash:
        raise BadItem("parcel_invalid", "name the parcel as CARRIER/NUMBER")

    async def is_post(pool: Any) -> bool:
        await must_exist(pool, Named.CARRIER, None if carrier == SHARED else carrier)
        return bool(await pool.fetchval("select is_post from carriers where code = $1", carrier))

    # What came in before the shapes of today is found, and forgotten, all the same.
    normal = one_spelling(number)
    return parcel_key(owner_of(carrier, normal, is_post=with_database(is_post))[0], normal)


def add_to(app: typer.Typer) -> None:
    """Add the tools to the command."""
    for command in (track, details, forget):
        app.command()(command)
