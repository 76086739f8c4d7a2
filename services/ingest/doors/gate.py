"""The gate before the HTTP doors: who is it, what does the key open, how much at once, and is there room."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from buuta.errors import Forbidden
from buuta.telemetry import metrics
from buuta.web.bearer import bearer_key
from buuta.web.problems import Problem
from services.ingest.domain import signature
from services.ingest.domain.keys import Kind, Scope
from services.ingest.domain.recipe import Recipe
from services.ingest.intake import Intake
from services.ingest.registry.keyring import Caller, Keyring

SENT: Final = frozenset({Kind.API, Kind.SIGNING})
IN_URL: Final = frozenset({Kind.WEBHOOK})
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Intakes:
    """Where reports go: in earnest, or by a sandbox key nowhere."""

    real: Intake
    sandbox: Intake


class Gate:
    """Lets known carriers in while there is room, so that memory stays bounded when Kafka is slow."""

    def __init__(self, intakes: Intakes, keyring: Keyring, most_bytes: int) -> None:
        self._intakes = intakes
        self._keyring = keyring
        self._most_bytes = most_bytes
        self._inside = 0

    def intake(self, caller: Caller) -> Intake:
        """Where what this caller reports goes."""
        return self._intakes.sandbox if caller.key.sandbox else self._intakes.real

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The formats that are read, by name."""
        return self._intakes.real.recipes

    async def caller(self, request: Request, scope: Scope) -> Caller:
        """The carrier of the request's key, if the key opens this.

        Raises:
            Forbidden: there is no such key.
            Problem: 403, the key is not for this or not from there.
        """
        caller = await self._keyring.find(SENT, bearer_key(request))
        if caller is None:
            raise Forbidden("no carrier has this API key; ask for one, or rotate a lost one")
        if scope not in caller.key.scopes:
            raise self._refuse(caller, 403, "scope_missing", f"this key is not for {scope}")
        if not caller.key.opens_from(_address(request)):
            raise self._refuse(caller, 403, "address_not_allowed", "this key is not used from there")
        return caller

    async def caller_by_token(self, request: Request, token: str, format_name: str) -> Caller:
        """The carrier of a webhook token.

        Raises:
            Problem: 404, whether the token, the format or the sender is wrong: a guesser learns nothing.
        """
        caller = await self._keyring.find(IN_URL, token)
        if (
            caller is None
            or caller.carrier.format != format_name
            or not caller.key.opens_from(_address(request))
        ):
            raise Problem(404, "webhook_unknown", "no webhook has this address")
        return caller

    def check_signature(self, caller: Caller, request: Request, body: bytes) -> None:
        """A key that signs is worth nothing without its signature; the body is taken as it was sent.

        Raises:
            Forbidden: it is not signed, or not by this key.
        """
        if caller.key.kind is not Kind.SIGNING:
            return
        try:
            signature.check(caller.secret, request.headers, body, time.time())
        except Forbidden:
            self._note_refusal(caller, "signature")
            raise

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

    def _note_refusal(self, caller: Caller, why: str) -> None:
        self._keyring.use(caller.key).refused += 1
        metrics.INGEST_REFUSED.labels(caller.carrier.code, why).inc()

    @contextlib.contextmanager
    def room(self, size: int, door: str) -> Iterator[None]:
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
            metrics.INGEST_ACCEPT_SECONDS.labels(door).observe(time.perf_counter() - started)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _until_midnight() -> int:
    """Seconds until the day ends in Vietnam, which has UTC+7 all year."""
    return DAY_SECONDS - int(time.time() + 7 * 3600) % DAY_SECONDS
