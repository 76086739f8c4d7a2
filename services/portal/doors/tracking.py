"""`/t/…`: where a parcel is, as a page, as JSON, and live."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from buuta.model import ways
from buuta.model.identifiers import CARRIER, s10_flag
from buuta.model.statuses import DEADLINE_LETTER
from buuta.model.times import iso_text
from buuta.web.browsers import language_of
from buuta.web.guessing import NUMBERS, Guesses, address_of
from buuta.web.heading import is_head
from buuta.web.parameters import CarrierPath, NumberPath
from buuta.web.problems import Problem, problems
from buuta.wording.carriers import known_carrier
from services.portal import storage
from services.portal.domain.search import cleaned, sought
from services.portal.domain.view import Known, page_of
from services.portal.doors.pages import page
from services.portal.live import LiveBoard, Seats
from services.portal.storage import Tracked
from services.portal.timelines import LongTimelines

LONGEST_SHOWN: Final = 200
EVENTS: Final = "text/event-stream"
Time = Annotated[str, Field(description="ISO 8601 with the offset that was given.")]


class TimelineEntry(BaseModel):
    """One scan, without anything personal."""

    status: Annotated[
        str,
        Field(description="What it means on the way the parcel is on: handed to the sender is returned."),
    ]
    reason: str | None
    delivery_mode: str | None
    provisional: Annotated[bool, Field(description="Reported by the courier, not confirmed.")]
    occurred_at: Time
    day_only: Annotated[bool, Field(description="The carrier said the day and no clock.")]
    zone: Annotated[str | None, Field(description="IANA name of the place's zone; null: Vietnam's.")]
    facility: str | None
    province: str | None
    commune: str | None


class TrackedParcel(BaseModel):
    """A parcel's state and timeline, newest first."""

    carrier: str
    number: str
    number_flag: Annotated[str | None, Field(description="check_digit: an S10 number that fails it.")]
    status: str | None
    reason: str | None
    reported_status: str | None
    attempts: int
    delivery_mode: str | None
    mode_evidence: Annotated[
        str | None, Field(description="What the mode rests on: declared, collected, distance, proof, …")
    ]
    outcome: str | None
    last_activity_at: Time | None
    next_expected_at: Time | None
    overdue: Annotated[
        list[str],
        Field(description="What has passed: stuck (a limit), delayed (the promise), stale (30 days)."),
    ]
    promised_at: Time | None
    destination_province: str | None
    destination_commune: str | None
    direction: Annotated[str | None, Field(description="Where the carrier says it goes: outward, return.")]
    partial_return: Annotated[bool, Field(description="Delivered in part; the rest goes back.")]
    linked_number: Annotated[str | None, Field(description="The number of the part, or of the whole.")]
    timeline: list[TimelineEntry]


def router(pool: Any, board: LiveBoard) -> APIRouter:
    """The readers' API and pages."""
    routes = APIRouter(tags=["tracking"])

    guesses, seats, long = Guesses(NUMBERS), Seats(), LongTimelines()

    async def lookup(request: Request, carrier: str, number: str) -> Tracked | None:
        async def look() -> Tracked | None:
            async with pool.acquire() as con:
                return await storage.find(con, carrier, number, long)

        return await guesses.answer(request, look)

    async def carriers_with(request: Request, number: str) -> dict[str, str]:
        return await guesses.answer(request, lambda: storage.carriers_with(pool, number))

    async def found(request: Request, text: str) -> RedirectResponse | None:
        """Where the first number of a text is that there is; None where there is none of them."""
        for one in sought(text):
            if one.carrier and await lookup(request, one.carrier, one.number):
                return _to(request, one.number, one.carrier)
            carriers = {} if one.carrier else await carriers_with(request, one.number)
            if carriers:
                return _to(request, one.number, *carriers)
        return None

    @routes.get(
        "/v1/parcels/{carrier}/{number}",
        summary="A parcel and its journey",
        responses=problems(404, 422, 429, 503),
    )
    async def parcel(request: Request, carrier: CarrierPath, number: NumberPath) -> TrackedParcel:
        """A parcel as JSON; the same as its page shows."""
        tracked = await lookup(request, carrier, number)
        if tracked is None:
            raise Problem(404, "parcel_unknown", "no such parcel; check carrier and number")
        return as_json(tracked)

    @routes.get("/v1/numbers/{number}", summary="Whose number it is", responses=problems(422, 429, 503))
    async def carriers_of_number(request: Request, number: NumberPath) -> list[str]:
        """The carriers that have a parcel of this number."""
        return list(await carriers_with(request, number))

    @routes.get("/v1/carriers", summary="All carriers", responses=problems(503))
    async def carriers() -> list[str]:
        """The codes of all carriers."""
        return await storage.carriers(pool)

    @routes.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def home(request: Request) -> HTMLResponse:
        return page(request, "home")

    @routes.get("/favicon.ico", response_class=RedirectResponse, include_in_schema=False)
    async def icon() -> RedirectResponse:
        return RedirectResponse("/static/favicon.svg", 308)

    @routes.get("/t", response_class=HTMLResponse, include_in_schema=False)
    async def search(request: Request) -> Response:
        text = request.query_params.get("number", "")
        if not cleaned(text):
            return page(request, "home")
        return await found(request, text) or _missing(request, text)

    @routes.get("/t/{number}", response_class=HTMLResponse, include_in_schema=False)
    async def choose(request: Request, number: str) -> Response:
        for one in sought(number):
            carriers = await carriers_with(request, one.number)
            if len(carriers) > 1:
                language = language_of(request)
                named = [(code, known_carrier(code, name, language)) for code, name in carriers.items()]
                return page(request, "choose", number=one.number, carriers=named)
            if carriers:
                return _to(request, one.number, *carriers)
        return _missing(request, number)

    @routes.get("/t/{carrier}/{number}", response_class=HTMLResponse, include_in_schema=False)
    async def tracking_page(request: Request, carrier: str, number: str) -> HTMLResponse:
        for one in sought(number) if CARRIER.fullmatch(carrier.lower()) else ():
            tracked = await lookup(request, carrier.lower(), one.number)
            if tracked is not None:
                return _parcel_page(request, tracked)
        return _missing(request, number)

    @routes.get("/t/{carrier}/{number}/events", include_in_schema=False)
    async def events(request: Request, carrier: CarrierPath, number: NumberPath) -> Response:
        tracked = await lookup(request, carrier, number)
        if tracked is None:
            raise Problem(404, "parcel_unknown", "no such parcel; check carrier and number")
        if is_head(request):
            return Response(media_type=EVENTS)
        return _Live(seats.one(address_of(request)), _events(board, tracked.key))

    return routes


def _missing(request: Request, text: str) -> HTMLResponse:
    shown = cleaned(text)[:LONGEST_SHOWN]
    return page(request, "missing", 404, number=shown, shown=shown)


def _parcel_page(request: Request, tracked: Tracked) -> HTMLResponse:
    language = language_of(request)
    carrier = known_carrier(tracked.carrier, tracked.name, language)
    known = Known(tracked.parcel, tracked.timeline, carrier, tracked.carrier, tracked.facilities)
    shown, version = page_of(known, language), storage.version(tracked.parcel)
    return page(request, "parcel", tracked=tracked, shown=shown, version=version)


def _kept(request: Request) -> list[tuple[str, str]]:
    """The query of a search but for what was looked for: the language, for one, goes on."""
    return [pair for pair in request.query_params.multi_items() if pair[0] != "number"]


def _to(request: Request, number: str, *carriers: str) -> RedirectResponse:
    """To the page of a parcel, or to the choice among the carriers that have one of this number."""
    carrier = f"{carriers[0]}/" if len(carriers) == 1 else ""
    query = urlencode(_kept(request))
    return RedirectResponse(f"/t/{carrier}{quote(number, safe='')}{'?' if query else ''}{query}", 303)


class _Live(StreamingResponse):
    """The answer to who looks on: it holds its seat until it ends."""

    def __init__(self, seat: AbstractContextManager[None], events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type=EVENTS, headers={"Cache-Control": "no-store"})
        self._seat = seat

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, if there is a seat."""
        with self._seat:
            await super().__call__(scope, receive, send)


async def _events(board: LiveBoard, key: str) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    async for version in board.changes(key):
        yield f"event: version\ndata: {version}\n\n" if version else ":\n\n"


def as_json(tracked: Tracked) -> TrackedParcel:
    """The parcel for machines."""
    row = tracked.parcel
    offset = tracked.offset_minutes

    def moment(name: str) -> str | None:
        return None if row[name] is None else iso_text(row[name], offset)

    plain = (
        "status",
        "reason",
        "reported_status",
        "attempts",
        "delivery_mode",
        "mode_evidence",
        "outcome",
        "direction",
        "partial_return",
        "linked_number",
    )
    return TrackedParcel(
        carrier=tracked.carrier, number=tracked.number, number_flag=s10_flag(tracked.number),
        **{name: row[name] for name in plain},
        last_activity_at=moment("last_at"), next_expected_at=moment("next_expected_at"),
        overdue=[kind for kind, letter in DEADLINE_LETTER.items() if letter in row["overdue"]],
        promised_at=moment("promised_at"), destination_province=row["dest_province"],
        destination_commune=row["dest_commune"],
        timeline=[_entry(line) for line in tracked.timeline],
    )  # fmt: skip


def _entry(line: ways.Line) -> TimelineEntry:
    scan = line.row
    values = {name: scan[name] for name in TimelineEntry.model_fields} | {"status": line.status}
    values["occurred_at"] = iso_text(scan["occurred_at"], scan["offset_minutes"])
    return TimelineEntry(**values)
