"""`/v1/parcels`: shippers register, change and withdraw."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from buuta.storage import locks
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Vault
from buuta.telemetry.clock import now_ms
from buuta.web.bearer import SHIPPER_KEY, bearer_key
from buuta.web.guarded import guarded
from buuta.web.guessing import KEYS, Guesses, Holders
from buuta.web.problems import Problem, problems
from services.portal import standing, storage
from services.portal.domain.registration import NewParcel, ParcelChange, Registered
from services.portal.registrations import Registrar, shown

FIRST_ID = uuid.UUID(int=0)
Limit = Annotated[int, Query(ge=1, le=1000)]
Unconfirmed = Annotated[bool, Query(description="Only those that another's registration goes before.")]

IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, description="Any text of yours: the same key gets the same answer."),
]


def router(pool: Any, registrar: Registrar, vault: Vault) -> APIRouter:
    """The shippers' API."""

    holders = Holders(Guesses(KEYS), "no shipper has this API key")

    async def shipper(request: Request) -> str:
        key = bearer_key(request)
        return await holders.of(request, key, lambda: storage.shipper_of(pool, key))

    routes = APIRouter(tags=["shippers"], dependencies=[Depends(SHIPPER_KEY)], route_class=guarded(shipper))
    Shipper = Annotated[str, Depends(_caller)]

    @routes.post(
        "/v1/parcels",
        summary="Register a parcel",
        status_code=201,
        responses=problems(400, 401, 404, 409, 422, 429, 503),
    )
    async def register(new: NewParcel, who: Shipper, idempotency_key: IdempotencyKey = None) -> Response:
        """Register a parcel: who is told, where it goes, when it was promised."""

        async def work(con: Any) -> Registered:
            return await registrar.register(con, who, new, now_ms())

        async with pool.acquire() as con, con.transaction():
            await unlock(con, vault)
            # Keyed: a plain hash of a phone number could be found by trying them all.
            digest = vault.find_by("request", new.model_dump_json())
            mark = None if idempotency_key is None else vault.find_by("idempotency", idempotency_key).hex()
            status, answer = await _once(con, who, mark, digest, work)
        return Response(answer, status, media_type="application/json")

    @routes.get("/v1/registrations", summary="Your registrations", responses=problems(401, 422, 503))
    async def registrations(
        who: Shipper, after: uuid.UUID = FIRST_ID, limit: Limit = 100, *, unconfirmed: Unconfirmed = False
    ) -> list[Registered]:
        """List your registrations in the order of their ids, or only those that another's goes before."""
        if unconfirmed:
            rows = await standing.own_behind(pool, who, after, limit, registrar.at(now_ms()))
        else:
            rows = await standing.own(pool, who, after, limit)
        return [shown(dict(row), row["behind"]) for row in rows]

    @routes.patch(
        "/v1/parcels/{registration_id}",
        summary="Change a registration",
        responses=problems(401, 404, 409, 422, 429, 503),
    )
    async def change(registration_id: uuid.UUID, change: ParcelChange, who: Shipper) -> Registered:
        """Change recipient, destination or promise; what is left out stays."""
        async with pool.acquire() as con, con.transaction():
            return await registrar.change(con, who, registration_id, change, now_ms())

    @routes.delete(
        "/v1/parcels/{registration_id}",
        summary="Withdraw a registration",
        responses=problems(401, 404, 422, 503),
    )
    async def withdraw(registration_id: uuid.UUID, who: Shipper) -> Registered:
        """Withdraw: no message follows, and the contact is erased."""
        async with pool.acquire() as con, con.transaction():
            return await registrar.withdraw(con, who, registration_id, now_ms())

    return routes


async def _caller(request: Request) -> str:
    """The shipper that is known to have sent this."""
    code: str = request.state.caller
    return code


async def _once(
    con: Any, shipper: str, key: str | None, digest: bytes,
    work: Callable[[Any], Awaitable[Registered]],
) -> tuple[int, str]:  # fmt: skip
    """Do the work, or give the answer that it had under this key before.

    Raises:
        Problem: 422 where the key was used for another request.
    """
    if key is None:
        return 201, (await work(con)).model_dump_json()
    await locks.hold(con, locks.Lock.IDEMPOTENCY, f"{shipper}\n{key}")
    known = await con.fetchrow(
        "select request_hash, status, answer from idempotency where shipper = $1 and key = $2",
        shipper,
        key,
    )
    if known is not None:
        if known["request_hash"] != digest:
            raise Problem(
                422, "idempotency_key_reused", "this Idempotency-Key was used for another request"
            )
        return known["status"], known["answer"]
    answer = (await work(con)).model_dump_json()
    await con.execute(
        "insert into idempotency (shipper, key, request_hash, status, answer) values ($1, $2, $3, 201, $4)",
        shipper, key, digest, answer,
    )  # fmt: skip
    return 201, answer
