"""`POST /epcis/capture`: GS1 EPCIS 2.0 for carriers whose format it is (EPCIS 2.0, REST bindings)."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from buuta.telemetry.clock import now_ms
from buuta.web.bearer import CARRIER_KEY
from buuta.web.bodies import parse_json, read_body
from buuta.web.guarded import guarded
from buuta.web.packing import unpacked
from buuta.web.problems import Problem, problems
from services.ingest import capture, epcis_rows
from services.ingest.carriers.loading import golden
from services.ingest.domain.document import Document, document_of, read_document
from services.ingest.domain.doubts import TOO_OLD
from services.ingest.domain.keys import Scope
from services.ingest.domain.packing import TooMuch
from services.ingest.doors.gate import Gate
from services.ingest.intake import Result
from services.ingest.jobs import CONFLICT, FORMAT, Behaviour, Job
from services.ingest.registry.keyring import Caller

DOOR: Final = "api"
"""What scans say of it, as of all that carriers send with their keys."""
MEDIA_TYPES: Final = ("application/json", "application/ld+json")
VERSIONS: Final = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
MOST_JOBS: Final = 100
WAITS: Final = (
    "scans wait whose code nobody has mapped yet, and events that are wrong are kept; a key with the scope read "
    "lists both here"
)
Asked = Annotated[
    Behaviour,
    Header(alias="GS1-Capture-Error-Behaviour", description="What one wrong event means for the others."),
]
JobId = Annotated[uuid.UUID, Path(description="The `captureID` of a job of yours.")]
PerPage = Annotated[int, Query(alias="perPage", ge=1, le=MOST_JOBS)]


class Limits:
    """How much a document may be: bytes, and events."""

    def __init__(self, most_bytes: int, most_events: int) -> None:
        self.most_bytes = most_bytes
        self.most_events = most_events
        self.headers = {
            **VERSIONS,
            "GS1-EPCIS-Capture-Limit": str(most_events),
            "GS1-EPCIS-Capture-File-Size-Limit": str(most_bytes),
        }


def router(gate: Gate, limits: Limits) -> APIRouter:
    """The EPCIS door."""
    routes = APIRouter(
        prefix="/epcis", tags=["epcis"], dependencies=[Depends(CARRIER_KEY)],
        route_class=guarded(gate.known, gate.not_let_in),
    )  # fmt: skip
    sample = {"schema": {"type": "object"}, "example": document_of([golden("epcis")[0]["payload"]])}
    document = {"content": dict.fromkeys(MEDIA_TYPES, sample), "required": True}

    @routes.post(
        "/capture",
        status_code=202,
        summary="Capture EPCIS events",
        response_class=Response,
        responses=problems(400, 401, 403, 413, 415, 422, 429, 503),
        openapi_extra={"requestBody": document},
    )
    async def capture_events(request: Request, asked: Asked = Behaviour.ROLLBACK) -> Response:
        """Capture the events of an EPCISDocument; `Location` names the job, which is finished by then.

        A bag's events are events of the parcels in it, by the aggregations that came or will come. The same event
        again counts once. An event with an `errorDeclaration` takes back what it repeats.
        """
        caller = await _caller(gate, request, Scope.REPORT)
        packed = await read_body(request, limits.most_bytes)
        body = unpacked(packed, request.headers.get("content-encoding", ""), limits.most_bytes)
        with gate.room(caller, len(body), DOOR):
            read = await asyncio.to_thread(_document, request, body, limits.most_events)
            named = _named(read)
            gate.admit(caller, named)
            receipt = caller.carrier.receipt(DOOR, now_ms())
            job = await _captured(
                capture.capture(
                    gate.capturing(caller),
                    caller.carrier,
                    receipt,
                    read,
                    asked,
                    lambda scans: gate.charge(caller, scans - named),
                )
            )
        where = {"Location": f"/epcis/capture/{job.id}"}
        return Response(status_code=202, headers={**limits.headers, **gate.left(caller), **where})

    @routes.get("/capture", summary="Capture jobs", responses=problems(401, 403, 422, 503))
    async def jobs(request: Request, per_page: PerPage = 30) -> JSONResponse:
        """Your jobs, the latest first."""
        caller = await _caller(gate, request, Scope.REPORT)
        rows = await _jobs(gate, caller, per_page)
        return await asyncio.to_thread(_answer, rows, limits)

    @routes.get("/capture/{job_id}", summary="A capture job", responses=problems(401, 403, 404, 422, 503))
    async def job(request: Request, job_id: JobId) -> JSONResponse:
        """What became of a document: whether all was captured, and what is wrong with which event."""
        caller = await _caller(gate, request, Scope.REPORT)
        rows = await _jobs(gate, caller, 1, job_id)
        if not rows:
            raise Problem(404, "capture_unknown", "you have no capture job of this id")
        return JSONResponse(_said(rows[0]), headers=limits.headers)

    return routes


async def _captured(work: Awaitable[Job]) -> Job:
    """What became of a document; beyond a limit is 413, and not the fault of how it is written."""
    try:
        return await work
    except TooMuch as beyond:
        raise Problem(413, beyond.code, str(beyond)) from None


def _named(document: Document) -> int:
    """How many scans a document asks for at least: a thing that an event names each, or else one an event."""
    lists = (
        raw.get(name)
        for raw in document.events
        if isinstance(raw, Mapping)
        for name in ("epcList", "childEPCs")
    )
    return max(sum(len(each) for each in lists if isinstance(each, list)), len(document.events))


async def _caller(gate: Gate, request: Request, scope: Scope) -> Caller:
    caller = await gate.caller(request, scope)
    if caller.carrier.format != FORMAT:
        raise Problem(
            403,
            "format_other",
            f"this carrier's format is {caller.carrier.format}; EPCIS is for format {FORMAT}",
        )
    return caller


async def _jobs(gate: Gate, caller: Caller, most: int, job_id: uuid.UUID | None = None) -> Sequence[Any]:
    """Jobs that a caller sees: its carrier's, of its world."""
    parts = gate.capturing(caller)
    return await epcis_rows.jobs(parts.intake.pool, parts.whose(caller.carrier.code), most, job_id)


def _document(request: Request, body: bytes, most_events: int) -> Document:
    kind = request.headers.get("content-type", MEDIA_TYPES[0]).partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise Problem(415, "media_type_unknown", f"send one of {', '.join(MEDIA_TYPES)}")
    read = read_document(parse_json(body))
    if len(read.events) > most_events:
        raise Problem(413, "too_many_events", f"send at most {most_events} events at once")
    return read


def _answer(rows: Iterable[Any], limits: Limits) -> JSONResponse:
    """Jobs as they are answered: beside the event loop, since each may have as many errors as are kept."""
    return JSONResponse([_said(row) for row in rows], headers=limits.headers)


def _said(row: Any) -> dict[str, Any]:
    """A job as the standard words it; places of events, from 0 on, and all after `errors` are ours."""
    became = json.loads(row["outcome"])
    return {
        "captureID": str(row["id"]), "createdAt": row["created_at"].isoformat(),
        "finishedAt": row["finished_at"].isoformat(), "running": False,
        "success": row["success"], "captureErrorBehaviour": row["behaviour"],
        "errors": [_exception(each) for each in json.loads(row["errors"])],
        "warnings": [
            {"code": each["code"], "detail": each["message"], "event": each["place"]}
            | ({"steers": False} if each["code"] == TOO_OLD else {})
            for each in json.loads(row["warnings"])
        ],
        **(_outcome(row["events"], became) if became else {}),
    }  # fmt: skip


def _outcome(events: int, became: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of events and scans, which events are skipped and why, and what waits in quarantine, and where."""
    scans = became["scans"]
    return {
        "summary": {
            "events": events, "captured": became["captured"], "skipped": became["skipped"],
            "wrong": became["wrong"], "scans": {result.value: scans.get(result.value, 0) for result in Result},
        },
        "skipped": [
            {"event": place, "code": code, "detail": why} for place, code, why in became["why_skipped"]
        ],
        "quarantine": {
            "scans": scans.get(Result.QUARANTINED.value, 0), "events": became["wrong"],
            "codes": [
                {"event": place, "code": code, "scans": count, "href": f"/v1/quarantine/{quote(mark, safe='')}"}
                for place, code, mark, count in became["waiting"]
            ],
            "detail": WAITS, "href": "/v1/quarantine",
        },
    }  # fmt: skip


def _exception(wrong: Mapping[str, Any]) -> dict[str, Any]:
    place, field = wrong["place"], wrong.get("field", "")
    status, kind = (409, "ResourceAlreadyExists") if wrong["code"] == CONFLICT else (400, "Validation")
    return {
        "type": f"epcisException:{kind}Exception", "title": wrong["code"].replace("_", " "), "status": status,
        "code": wrong["code"], "detail": wrong["message"], "event": place,
        "path": f"eventList[{place}]{'.' if field else ''}{field}",
    }  # fmt: skip
