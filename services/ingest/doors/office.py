"""`/v1/operations/quarantine`: the quarantine for operators, as `buuta quarantine` has it.

How many messages would go only the command says: it asks the notifier's rules, which no other service knows.
"""

import asyncio
from typing import Annotated, Any, Final, Self

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, model_validator

from buuta.model.bounded import Bounded
from buuta.model.statuses import DeliveryMode, Reason, Status
from buuta.storage.vault import Vault
from buuta.telemetry.logs import WITNESS
from buuta.web.bearer import OPERATOR_KEY, bearer_key
from buuta.web.guarded import guarded
from buuta.web.guessing import KEYS, Guesses, Holders
from buuta.web.parameters import CarrierQuery, CodeQuery, Cursor, Plain, RecordPath
from buuta.web.problems import Problem, problems
from services.ingest.domain.codes import CodeRow
from services.ingest.domain.doubts import AHEAD, TOO_OLD
from services.ingest.quarantine import desk, held
from services.ingest.quarantine.desk import Desk, NewCode, Way
from services.ingest.quarantine.held import HeldReport, Wanted
from services.ingest.quarantine.replay import Keys
from services.ingest.registry import operators
from services.ingest.target import RecipeBook

log = structlog.get_logger(WITNESS)
ERRORS: Final = problems(400, 401, 404, 413, 422, 503)
PAGES: Final = 20
"""So many pages of reports are read in a request."""


MAPPED: Final[dict[str, Any]] = {
    "format": "ghn", "code": "on_the_boat", "status": "in_transit", "dry_run": True,
}  # fmt: skip
CHOSEN: Final[dict[str, Any]] = {"carrier": "ghn", "dry_run": True}


class Meaning(Bounded):
    """What a raw code of a format means."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [MAPPED]})

    format: Plain
    code: Plain
    status: Annotated[Status | None, Field(description="Without one it is no movement.")]
    reason: Reason | None = None
    mode: DeliveryMode | None = None
    provisional: bool = False
    dry_run: bool = False


class Chosen(Bounded):
    """Which reports: of a carrier, with a code, or one by its number."""

    model_config = ConfigDict(extra="forbid")

    carrier: Plain | None = None
    code: Plain | None = None
    number: Annotated[int | None, Field(ge=1, lt=2**63)] = None
    dry_run: bool = False

    def wanted(self, vault: Vault) -> Wanted:
        """The same for the quarantine."""
        return Wanted(self.carrier, held.hash_named(vault, self.code), self.number)


class Again(Chosen):
    """Which reports are read once more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CHOSEN]})

    after: Annotated[int, Field(ge=0, lt=2**63, description="Only those behind this number.")] = 0


class Dropped(Chosen):
    """Which reports need no more looking at, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [CHOSEN | {"why": "sent for a test"}]}
    )

    why: Annotated[Plain, Field(description="For who asks later; nothing personal.")]

    @model_validator(mode="after")
    def some(self) -> Self:
        """Not all at once by mistake."""
        if self.carrier is None and self.number is None:
            raise ValueError("name a report by number, or a carrier")
        return self


class Office:
    """What the operators' work stands on."""

    def __init__(self, keys: Keys, pool: Any, way: Way, book: RecipeBook) -> None:
        self._keys = keys
        self.pool = pool
        self._way = way
        self._book = book
        self._holders = Holders(Guesses(KEYS), "no operator has this key: buuta operator add NAME")

    async def operator(self, request: Request) -> str:
        """Who asks.

        Raises:
            Forbidden: no operator has this key.
            Problem: 429, too many wrong keys came from there.
        """
        key = bearer_key(request)
        return await self._holders.of(request, key, lambda: operators.name_of(self.pool, key))

    @property
    def vault(self) -> Vault:
        """What opens reports."""
        return self._keys.vault

    def knows(self, format_name: str) -> None:
        """Refuse to map codes of a format that nobody reads.

        Raises:
            Problem: 400, there is none.
        """
        if format_name not in self._book.recipes:
            raise Problem(
                400, "format_unknown", f"no such format; there are {', '.join(self._book.recipes)}"
            )

    async def replay(
        self, wanted: Wanted, mapping: NewCode | None, after: int = 0, *, dry_run: bool
    ) -> dict[str, Any]:
        """Map, read once more and send on; or only say what would be. So much as is done in a request's time."""
        work = Desk(self.pool, self._keys, self._book.recipes, None if dry_run else self._way)
        done = await desk.replay(work, wanted, mapping, after, PAGES)
        why = [{"number": number, "why": why} for number, why in done.why]
        return {"sent_on": done.sent, "new_in_history": done.new, "wait_on": done.waits, "why": why,
                "do_not_steer": done.doubts[TOO_OLD], "count_from_receipt": done.doubts[AHEAD],
                "dry_run": dry_run, **({"after": done.after} if done.more else {})}  # fmt: skip


def router(office: Office) -> APIRouter:
    """The operators' routes."""
    routes = APIRouter(
        prefix="/v1/operations/quarantine", tags=["operators"], dependencies=[Depends(OPERATOR_KEY)],
        route_class=guarded(office.operator),
    )  # fmt: skip

    @routes.get("", summary="What waits, of all carriers", responses=ERRORS)
    async def summary() -> JSONResponse:
        """By carrier, reason and code: how many, since when."""
        return JSONResponse(
            [
                {
                    "carrier": row.carrier,
                    "reason": row.reason,
                    "code": row.mark,
                    "reports": row.reports,
                    "oldest": row.oldest.isoformat(),
                    "example": row.example,
                }
                for row in await held.summary(office.pool)
            ]
        )

    @routes.get("/reports", summary="Reports that wait", responses=ERRORS)
    async def reports(
        carrier: CarrierQuery | None = None, code: CodeQuery | None = None, after: Cursor = 0
    ) -> JSONResponse:
        """A thousand at once, without what they say; the next page begins `after` the last number."""
        found = await held.waiting(office.pool, Wanted(carrier, held.hash_named(office.vault, code)), after)
        return JSONResponse([_plain(each) for each in found])

    @routes.get("/reports/{number}", summary="One report, decrypted", responses=ERRORS)
    async def show(request: Request, number: RecordPath) -> JSONResponse:
        """As it came but for personal fields; who looked is logged."""
        name: str = request.state.caller
        found = await held.one(office.pool, number)
        if found is None:
            raise Problem(404, "report_unknown", "there is no report of this number")
        log.info("quarantine_shown", number=number, operator=name)
        said = await asyncio.to_thread(found.readable, office.vault)
        code = found.readable_code(office.vault)
        return JSONResponse(
            _plain(found) | {"state": found.state, "why": found.why, "report": said, "code": code}
        )

    @routes.post("/map", summary="Map a code, and send on what waited for it", responses=ERRORS)
    async def map_code(request: Request, meaning: Meaning) -> JSONResponse:
        """Every ingest knows it within five seconds. Nobody is told of what happened too long ago.

        Where `after` is in the answer more waits: go on by replaying from there.
        """
        name: str = request.state.caller
        office.knows(meaning.format)
        row = CodeRow(meaning.status, meaning.reason, meaning.provisional, meaning.mode)
        code = await held.code_named(office.pool, office.vault, meaning.code)
        wanted = Wanted(code_hash=held.code_hash(office.vault, code))
        mapping = NewCode(meaning.format, code, row, name)
        return JSONResponse(await office.replay(wanted, mapping, dry_run=meaning.dry_run))

    @routes.post("/replay", summary="Read what waits once more", responses=ERRORS)
    async def replay(chosen: Again) -> JSONResponse:
        """After a recipe was put right: send on what can be read now, some thousands at once.

        Where `after` is in the answer more waits: send it with the same again.
        """
        wanted = chosen.wanted(office.vault)
        return JSONResponse(await office.replay(wanted, None, chosen.after, dry_run=chosen.dry_run))

    @routes.post("/drop", summary="Reports that need no more looking at", responses=ERRORS)
    async def drop(request: Request, dropped: Dropped) -> JSONResponse:
        """They are kept, with who dropped them and why."""
        name: str = request.state.caller
        wanted = dropped.wanted(office.vault)
        if dropped.dry_run:
            waits = sum([len(page) async for page in held.pages(office.pool, wanted)])
            return JSONResponse({"dropped": waits, "dry_run": True})
        count = await desk.drop(office.pool, wanted, f"{dropped.why} ({name})")
        return JSONResponse({"dropped": count, "dry_run": False})

    return routes


def _plain(report: HeldReport) -> dict[str, Any]:
    return {
        "number": report.number, "carrier": report.carrier, "door": report.door, "reason": report.reason,
        "received_at": report.received_at.isoformat(),
    }  # fmt: skip
