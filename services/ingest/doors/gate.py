"""The gate before the HTTP doors: who is it, what does the key open, how much at once, and is there room."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from buuta.errors import DatabaseAway, Forbidden
from buuta.web.bearer import bearer_key
from buuta.web.guessing import KEYS, Guesses, address_of
from buuta.web.problems import Problem
from services.ingest.capture import Parts
from services.ingest.domain import signature
from services.ingest.domain.keys import Kind, Scope
from services.ingest.domain.recipe import Recipe
from services.ingest.intake import Intake
from services.ingest.records import Records
from services.ingest.registry.keyring import Caller, Fits, Keyring
from services.ingest.registry.signatures import Signatures

SENT: Final = frozenset({Kind.API, Kind.SIGNING})
IN_URL: Final = frozenset({Kind.WEBHOOK})
DAY_SECONDS: Final = 86_400
UNKNOWN: Final = "no carrier has this API key; ask for one, or rotate a lost one"


@dataclass(frozen=True)
class World:
    """Where reports go, and what can be read: of production, or of the sandbox, where nothing is kept.

    `capturing` is what EPCIS documents are captured by, and whose jobs are read.
    """

    intake: Intake
    records: Records
    capturing: Parts


@dataclass(frozen=True)
class Worlds:
    """Both; which is a caller's is decided by its key."""

    real: World
    sandbox: World


class Gate:
    """Lets known carriers in while there is room, so that memory stays bounded when Kafka is slow."""

    def __init__(self, worlds: Worlds, keyring: Keyring, signatures: Signatures, most_bytes: int) -> None:
        self._worlds = worlds
        self._keyring = keyring
        self._signatures = signatures
        self.guesses = Guesses(KEYS)
        self._most_bytes = most_bytes
        self._inside = 0

    def intake(self, caller: Caller) -> Intake:
        """Where what this caller reports goes."""
        return self._world(caller).intake

    def records(self, caller: Caller) -> Records:
        """What this caller can read."""
        return self._world(caller).records

    def capturing(self, caller: Caller) -> Parts:
        """By what this caller's documents are captured, and whose jobs it can read."""
        return self._world(caller).capturing

    def _world(self, caller: Caller) -> World:
        return self._worlds.sandbox if caller.key.sandbox else self._worlds.real

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The formats that are read, by name."""
        return self._worlds.real.intake.recipes

    async def known(self, request: Request) -> Caller:
        """The carrier of the request's key: asked before anything of the request is read.

        Raises:
            Forbidden: there is no such key, it is not used from there, or it signs and has not signed this.
        """
        address = address_of(request)
        caller = await self._found(
            request,
            bearer_key(request),
            lambda each: each.key.kind in SENT and each.key.opens_from(address),
        )
        if caller is None:
            raise Forbidden(UNKNOWN)
        if caller.key.kind is Kind.SIGNING:
            await self._check_signature(caller, request)
        return caller

    async def caller(self, request: Request, scope: Scope) -> Caller:
        """The carrier that is known to have sent this request, if its key opens this.

        Raises:
            Problem: 403, the key is not for this.
        """
        caller: Caller = request.state.caller
        if scope not in caller.key.scopes:
            raise self._refuse(caller, 403, "scope_missing", f"this key is not for {scope}")
        return caller

    async def caller_by_token(self, request: Request, token: str, format_name: str) -> Caller:
        """The carrier of a webhook token.

        Raises:
            Problem: 404, whether the token, the format or the sender is wrong: a guesser learns nothing.
        """
        address = address_of(request)

        def fits(each: Caller) -> bool:
            is_its = each.key.kind in IN_URL and each.carrier.format == format_name
            return is_its and each.key.opens_from(address)

        caller = await self._found(request, token, fits)
        if caller is None:
            raise Problem(404, "webhook_unknown", "no webhook has this address")
        return caller

    async def _found(self, request: Request, secret: str, fits: Fits) -> Caller | None:
        """Whose key this is. A key that is in memory costs nothing; what may be a guess is counted before the look.

        Raises:
            Problem: 429, too many wrong keys came from there.
            DatabaseAway: it may be new, and that cannot be found out; that is nobody's guess.
        """
        await self._keyring.first_read()
        caller = self._keyring.held(secret, fits)
        if caller is not None:
            return caller
        address = address_of(request)
        self.guesses.take(address)
        try:
            caller = await self._keyring.find(secret, fits)
        except DatabaseAway:
            self.guesses.right(address)
            raise
        if caller is None:
            self._keyring.note_refusal(secret)
        else:
            self.guesses.right(address)
        return caller

    async def not_let_in(self, request: Request) -> None:
        """What was signed and refused, or not answered, has done nothing and may come once more as it is."""
        taken = getattr(request.state, "taken", None)
        if taken is not None:
            await self._signatures.give_back(taken)

    async def _check_signature(self, caller: Caller, request: Request) -> None:
        """A key that signs is worth nothing without its signature, whatever it asks; and that holds once.

        Raises:
            Forbidden: it is not signed, or not by this key.
            Problem: 401, it was taken before.
        """
        headers = request.headers
        target = signature.Target(request.method.encode(), _target(request), headers.raw)
        try:
            signature.check(caller.secret, headers, target.signed(await request.body()), time.time())
        except Forbidden:
            self._note_refusal(caller, "signature")
            raise
        request.state.taken = await self._signatures.take(caller.key.id, headers["webhook-id"])
        if request.state.taken is None:
            raise self._refuse(
                caller, 401, "signature_used", "a request with this webhook-id was taken; each has its own"
            )

    def admit(self, caller: Caller, scans: int) -> None:
        """Take so many from the key's limits.

        Raises:
            Problem: 429 with Retry-After.
        """
        limits, use = caller.key.limits, self._keyring.use(caller.key)
        if use.used + use.scans + scans > limits.scans_per_day:
            raise self._too_many(
                caller, "quota_used", "the day's scans of this key are used up", _until_midnight()
            )
        wait = self._keyring.bucket(caller.key).take(scans, time.monotonic())
        if wait:
            raise self._too_many(
                caller, "too_fast", "more scans a second than this key may send", int(wait) + 1
            )
        use.requests, use.scans = use.requests + 1, use.scans + scans

    def charge(self, caller: Caller, scans: int) -> None:
        """Take what a request turned out to be beyond what it was admitted with; the rate goes into debt by it.

        Raises:
            Problem: 429 where the day's scans do not suffice.
        """
        if scans <= 0:
            return
        limits, use = caller.key.limits, self._keyring.use(caller.key)
        if use.used + use.scans + scans > limits.scans_per_day:
            raise self._too_many(
                caller, "quota_used", "the day's scans of this key are used up", _until_midnight()
            )
        self._keyring.bucket(caller.key).level -= scans
        use.scans += scans

    def left(self, caller: Caller) -> dict[str, str]:
        """The headers that say what is left of the key's limits."""
        limits, level = caller.key.limits, self._keyring.bucket(caller.key).level
        return {
            "RateLimit-Limit": str(limits.scans_per_second),
            "RateLimit-Remaining": str(max(int(level), 0)),
            "RateLimit-Reset": "1",
            "RateLimit-Policy": f"{limits.scans_per_second};w=1, {limits.scans_per_day};w={DAY_SECONDS}",
        }

    def _too_many(self, caller: Caller, code: str, detail: str, after: int) -> Problem:
        problem = self._refuse(caller, 429, code, detail)
        problem.headers = {**self.left(caller), "Retry-After": str(after)}
        return problem

    def _refuse(self, caller: Caller, status: int, code: str, detail: str) -> Problem:
        self._note_refusal(caller, code)
        return Problem(status, code, detail)

    def forged(self, caller: Caller, why: str) -> Problem:
        """What a request hears that has a webhook's token and not its vendor's signature."""
        return self._refuse(caller, 401, "signature_invalid", why)

    def _note_refusal(self, caller: Caller, why: str) -> None:
        self._keyring.use(caller.key).refused += 1
        self._world(caller).intake.meter.refused(caller.carrier.code, why)

    @contextlib.contextmanager
    def room(self, caller: Caller, size: int, door: str) -> Iterator[None]:
        """Hold room for a body while it is taken in.

        Raises:
            Problem: 503 with Retry-After when too much is under way.
        """
        if self._inside + size > self._most_bytes:
            raise Problem(503, "too_much_at_once", "too much is under way; try again", {"Retry-After": "1"})
        self._inside += size
        started = time.perf_counter()
        try:
            yield
        finally:
            self._inside -= size
            self._world(caller).intake.meter.taken(door, time.perf_counter() - started)


def _target(request: Request) -> bytes:
    """Path and query as they were sent."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return path.partition(b"?")[0] + (b"?" + query if query else b"")


def _until_midnight() -> int:
    """Seconds until the day ends in Vietnam, which has UTC+7 all year."""
    return DAY_SECONDS - int(time.time() + 7 * 3600) % DAY_SECONDS
