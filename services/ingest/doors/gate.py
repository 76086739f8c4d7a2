"""The gate before the HTTP doors: who is it, and is there room."""

import contextlib
import time
from collections.abc import Iterator

from buuta.errors import Forbidden
from buuta.telemetry import metrics
from buuta.web.problems import Problem
from services.ingest.intake import Intake
from services.ingest.storage import Carrier, CarrierBook


class Gate:
    """Lets known carriers in while there is room, so that memory stays bounded when Kafka is slow."""

    def __init__(self, intake: Intake, book: CarrierBook, most_bytes: int) -> None:
        self.intake = intake
        self._book = book
        self._most_bytes = most_bytes
        self._inside = 0

    async def carrier_by_key(self, key: str) -> Carrier:
        """The carrier of an API key.

        Raises:
            Forbidden: nobody has this key.
        """
        carrier = await self._book.by_key(key)
        if carrier is None:
            raise Forbidden("no carrier has this API key; ask for one, or rotate a lost one")
        return carrier

    async def carrier_by_token(self, token: str, format_name: str) -> Carrier:
        """The carrier of a webhook token.

        Raises:
            Problem: 404, whether the token or the format is wrong: a guesser learns nothing.
        """
        carrier = await self._book.by_token(token)
        if carrier is None or carrier.format != format_name:
            raise Problem(404, "webhook_unknown", "no webhook has this address")
        return carrier

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
