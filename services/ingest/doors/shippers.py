"""`/v1/parcels/…/shipper`: a carrier says who sends a parcel, so that no other shop's registration steers it."""

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from buuta.model.bounded import Bounded
from buuta.web.bearer import CARRIER_KEY
from buuta.web.guarded import guarded
from buuta.web.parameters import NumberPath
from buuta.web.problems import Problem, problems
from services.ingest.domain.keys import Scope
from services.ingest.doors.gate import Gate


class Sender(Bounded):
    """Who sends a parcel."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"shipper": "shop"}]})

    shipper: Annotated[str, Field(pattern=r"^[^\x00]{1,60}$", description="The shipper's code with us.")]


def router(gate: Gate) -> APIRouter:
    """Naming, and looking at what waits for it."""
    routes = APIRouter(
        tags=["carriers"],
        dependencies=[Depends(CARRIER_KEY)],
        route_class=guarded(gate.known, gate.not_let_in),
    )

    @routes.put(
        "/v1/parcels/{number}/shipper", status_code=202, summary="Name a parcel's shipper",
        responses=problems(400, 401, 403, 404, 409, 413, 422, 429, 503),
    )  # fmt: skip
    async def name(request: Request, number: NumberPath, sender: Sender) -> JSONResponse:
        """Of several registrations of your parcel, the destination and promise of this shipper's count."""
        caller = await gate.caller(request, Scope.REPORT)
        gate.admit(caller, 1)
        try:
            taken = await gate.records(caller).name_shipper(caller.carrier, number, sender.shipper)
        except asyncpg.ForeignKeyViolationError:
            raise Problem(404, "shipper_unknown", "no shipper has this code") from None
        if not taken:
            raise Problem(
                409,
                "shipper_named",
                "an operator, or another post that has the parcel, has named its shipper; ask them, or name yours "
                "again once you have reported a scan of it",
            )
        return JSONResponse({"number": number, "shipper": sender.shipper}, 202)

    @routes.get(
        "/v1/registrations/unconfirmed", summary="Registrations that another's goes before",
        responses=problems(401, 403, 503),
    )  # fmt: skip
    async def unconfirmed(request: Request) -> JSONResponse:
        """Those of your parcels that more than one shop registered: at most a thousand, the newest first."""
        caller = await gate.caller(request, Scope.READ)
        return JSONResponse(await gate.records(caller).unconfirmed(caller.carrier.code))

    return routes
