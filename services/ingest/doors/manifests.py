"""`/v1/manifests`: a carrier says how many pieces there were, and hears which we have not seen."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from buuta.model.times import iso_text
from buuta.web.bearer import CARRIER_KEY
from buuta.web.bodies import parse_json, read_body
from buuta.web.guarded import guarded
from buuta.web.problems import Problem, problems
from services.ingest.domain.keys import Scope
from services.ingest.domain.manifest import Manifest
from services.ingest.domain.recipe import recipe_of
from services.ingest.doors.gate import Gate

MOST_SHOWN: Final = 1_000
MOST_BYTES: Final = 1_500_000
"""Twenty thousand numbers of 60 characters, and a manifest around them."""
DESCRIBED: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{Manifest.__name__}"}}},
    }
}
ManifestId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_./-]{1,60}$")]


def router(gate: Gate) -> APIRouter:
    """Declaring and asking."""
    routes = APIRouter(
        prefix="/v1/manifests", tags=["carriers"], dependencies=[Depends(CARRIER_KEY)],
        route_class=guarded(gate.known, gate.not_let_in),
    )  # fmt: skip

    @routes.post(
        "", status_code=201, summary="Declare a manifest",
        responses=problems(400, 401, 403, 413, 422, 429, 503), openapi_extra=DESCRIBED,
    )  # fmt: skip
    async def declare(request: Request) -> JSONResponse:
        """Say how many pieces you handed over or reported within a time; the same id again replaces it."""
        caller = await gate.caller(request, Scope.REPORT)
        declared = await asyncio.to_thread(_declared, await read_body(request, MOST_BYTES))
        codes = recipe_of(gate.recipes, caller.carrier.format).codes
        if declared.code is not None and declared.code not in codes:
            raise Problem(422, "code_unknown", "the code table of your format has no such code")
        gate.admit(caller, 1)
        await gate.records(caller).declare(caller.carrier.code, declared)
        where = {"Location": f"/v1/manifests/{declared.manifest}"}
        return JSONResponse({"manifest": declared.manifest, "pieces": declared.count}, 201, where)

    @routes.get(
        "/{manifest:path}", summary="What was seen of it", responses=problems(401, 403, 404, 422, 503)
    )
    async def seen(request: Request, manifest: ManifestId) -> JSONResponse:
        """How many pieces we have seen by now, and which of the numbers we have not: at most a thousand."""
        caller = await gate.caller(request, Scope.READ)
        found = await gate.records(caller).manifest(caller.carrier, manifest)
        if found is None:
            raise Problem(404, "manifest_unknown", "you have declared no manifest of this id")
        row, count, missing = found
        return JSONResponse(
            {"manifest": row["manifest"], "pieces": row["pieces"], "seen": count, "code": row["code"],
             "since": iso_text(row["since"]), "until": iso_text(row["until"]),
             "missing": max(row["pieces"] - count, 0), "missing_numbers": missing[:MOST_SHOWN]}
        )  # fmt: skip

    return routes


def _declared(body: bytes) -> Manifest:
    """A manifest as it was sent; for a thread, since it may name many numbers.

    Raises:
        Problem: it is no JSON.
        RequestValidationError: it is no manifest.
    """
    try:
        return Manifest.model_validate(parse_json(body))
    except ValidationError as wrong:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in wrong.errors()]
        ) from None
