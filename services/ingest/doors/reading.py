"""What a carrier reads with its own key: what we received and how each was mapped, and what waits in quarantine."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AwareDatetime

from buuta.model.times import VIETNAM, iso_text
from buuta.storage.vault import Vault
from buuta.web.bearer import scheme
from buuta.web.problems import Problem, problems
from services.ingest.domain.keys import Scope
from services.ingest.doors.batch import NDJSON
from services.ingest.doors.gate import Gate
from services.ingest.quarantine import held

MINUTE_MS: Final = 60_000
MOST_HOURS: Final = 25
RECEIVED: Final = """
select parcel_key, event_id, received_at, door, raw_code, status, reason, delivery_mode, provisional, occurred_at,
  offset_minutes, mapping_version, corrects_event_id, correction_kind, copies_differ
from scans where received_at >= $2 and received_at < $3 and (reporter = $1
  or (parcel_key >= $1 || ':' and parcel_key < $1 || ';'))
order by received_at, event_id
"""
"""A minute at a time: the index leads to the pages of a minute, and nothing is held open for a slow reader."""
Since = Annotated[
    AwareDatetime | None,
    Query(alias="from", description="Received from here on; default: today in Vietnam."),
]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="And before this; default: now.")]

Code = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$", description="A raw code, as it came.")]
After = Annotated[int, Query(ge=0, lt=2**63)]


def router(gate: Gate, pool: Any, vault: Vault) -> APIRouter:
    """Reading, by keys that have the scope `read`."""
    routes = APIRouter(tags=["carriers"], dependencies=[Depends(scheme)])

    @routes.get(
        "/v1/scans/received",
        summary="What we received, and how each was mapped",
        response_class=StreamingResponse,
        responses={
            **problems(400, 401, 403, 503),
            200: {"content": {NDJSON: {"schema": {"type": "string"}}}},
        },
    )
    async def received(request: Request, since: Since = None, until: Until = None) -> StreamingResponse:
        """Your scans by the time of their receipt, a JSON text a line, at most 25 hours at once."""
        caller = await gate.caller(request, Scope.READ)
        now = datetime.now(VIETNAM)
        first, last = since or now.replace(hour=0, minute=0, second=0, microsecond=0), until or now
        if last - first > timedelta(hours=MOST_HOURS):
            raise Problem(400, "span_too_long", f"ask for at most {MOST_HOURS} hours at once")
        span = (round(first.timestamp() * 1000), round(last.timestamp() * 1000))
        lines = _lines(pool, caller.carrier.code, span)
        # Begun before the answer is: a database that is away is a 503, and no 200 that breaks off.
        begun = await anext(lines, "")
        return StreamingResponse(_all(begun, lines), media_type=NDJSON)

    @routes.get("/v1/quarantine", summary="What waits", responses=problems(401, 403, 503))
    async def waiting(request: Request) -> JSONResponse:
        """Your reports that wait, by reason and code: how many, since when."""
        caller = await gate.caller(request, Scope.READ)
        rows = [row for row in await held.summary(pool) if row.carrier == caller.carrier.code]
        codes = await held.codes_of(pool, vault, rows)
        return JSONResponse(
            [
                {"reason": row.reason, "code": codes[row.example], "reports": row.reports,
                 "oldest": row.oldest.isoformat()}
                for row in rows
            ]
        )  # fmt: skip

    @routes.get(
        "/v1/quarantine/{code}", summary="Reports that wait", responses=problems(401, 403, 422, 503)
    )
    async def reports(request: Request, code: Code, after: After = 0) -> JSONResponse:
        """Your reports that wait for this code, as they came but for personal fields, a thousand at once.

        The next page begins `after` the last number.
        """
        caller = await gate.caller(request, Scope.READ)
        found = await held.waiting(
            pool, held.Wanted(caller.carrier.code, held.hash_named(vault, code)), after
        )
        return JSONResponse(
            [
                {"number": each.number, "door": each.door, "received_at": each.received_at.isoformat(),
                 "report": each.opened(vault).decode("utf-8", "replace")}
                for each in found
            ]
        )  # fmt: skip

    return routes


async def _all(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for line in rest:
        yield line


async def _lines(pool: Any, carrier: str, span: tuple[int, int]) -> AsyncIterator[str]:
    first, last = span
    for minute in range(first, last, MINUTE_MS):
        for row in await pool.fetch(RECEIVED, carrier, minute, min(minute + MINUTE_MS, last)):
            yield json.dumps(_said(row), ensure_ascii=False) + "\n"


def _said(row: Any) -> dict[str, Any]:
    """A scan as it was mapped; what is not known is left out."""
    corrected = row["corrects_event_id"]
    said = {
        "event_id": row["event_id"].hex(),
        "number": row["parcel_key"].partition(":")[2],
        "received_at": iso_text(row["received_at"]),
        "occurred_at": iso_text(row["occurred_at"], row["offset_minutes"]),
        "door": row["door"], "code": row["raw_code"], "status": row["status"], "reason": row["reason"],
        "delivery_mode": row["delivery_mode"], "provisional": row["provisional"] or None,
        "mapping": row["mapping_version"], "correction": row["correction_kind"],
        "corrects": None if corrected is None else corrected.hex(),
        "copies_differ": row["copies_differ"] or None,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}
