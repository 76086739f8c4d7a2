"""A Confluent-compatible schema registry, met once at the start and once for each new number."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

import httpx

from buuta.contracts.codec import Codec
from buuta.contracts.schemas import NAMES, Schema, parse, schema
from buuta.errors import Retry, SchemaMismatch

ASK_AGAIN_SECONDS: Final = 30.0
MOST_UNREAD: Final = 10_000
LONGEST: Final = 200_000
"""Characters of a schema's text."""

ANSWER_SECONDS: Final = 10.0
"""For a whole answer: one that drips for ever is none."""


class SchemaRegistry:
    """Numbers for our schemas, and schemas for numbers that others wrote.

    Subjects follow the RecordNameStrategy (`vn.buuta.ScanEvent`), since one topic holds several
    record types. Look-ups are made by `prepare` and `learn`; the codec itself never waits.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Schema] = {}
        self._unread: dict[int, float] = {}

    def id_of(self, name: str) -> int | None:
        """The number under which our schema is registered."""
        return self._ids.get(name)

    def schema_of(self, schema_id: int) -> Schema | None:
        """The schema of that number, if it was learnt."""
        return self._schemas.get(schema_id)

    async def prepare(self, names: Iterable[str]) -> None:
        """Register our schemas.

        Raises:
            SchemaMismatch: the registry holds a version that ours is not compatible with.
            Retry: the registry cannot be reached.
        """
        for name in names:
            ours = schema(name)
            answer = await self._call("POST", f"/subjects/{ours.full_name}/versions", {"schema": ours.text})
            if answer.status_code in (409, 422):
                raise SchemaMismatch(
                    f"the schema registry refuses {ours.full_name}: {answer.text[:300]}; "
                    "a new version must stay backward and forward compatible"
                )
            if answer.status_code != 200:
                raise Retry(f"the schema registry answers {answer.status_code}")
            number = int(answer.json()["id"])
            self._ids[name] = number
            self._schemas[number] = ours

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas of all numbers in these records that we have not met.

        A number that the registry does not know, or whose schema is no Avro record, stays unknown: its records are
        undecodable, each by itself. It is asked for again after a while, not with every record.

        Raises:
            Retry: the registry cannot be reached, or cannot answer now.
        """
        new = {
            int.from_bytes(value[1:5], "big")
            for value in values
            if value and value[:1] == b"\x00" and len(value) >= 5
        } - self._schemas.keys()
        for number in new:
            if self._unread.get(number, 0.0) <= time.monotonic():
                await self._meet(number)

    async def _meet(self, number: int) -> None:
        answer = await self._call("GET", f"/schemas/ids/{number}")
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Retry(f"the schema registry answers {answer.status_code}")
        found = _schema_in(answer)
        if found is not None:
            self._schemas[number] = found
            return
        if len(self._unread) >= MOST_UNREAD:
            self._unread.clear()
        self._unread[number] = time.monotonic() + ASK_AGAIN_SECONDS

    async def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._client.request(method, path, json=body)
        except (TimeoutError, httpx.HTTPError) as away:
            raise Retry(f"the schema registry cannot be reached: {type(away).__name__}") from away


def _schema_in(answer: httpx.Response) -> Schema | None:
    """The record's schema in an answer; None where there is none that Avro's rules allow."""
    if answer.status_code != 200 or len(answer.content) > LONGEST:
        return None
    try:
        return parse(answer.json()["schema"])
    except Exception:  # The parser raises whatever it stumbled over.
        return None


@contextlib.asynccontextmanager
async def opened(url: str | None) -> AsyncIterator[Codec]:
    """A codec that writes by the registry at `url`, or in single-object encoding where there is none.

    Raises:
        SchemaMismatch: the registry holds a version that ours is not compatible with.
        Retry: the registry cannot be reached.
    """
    if url is None:
        yield Codec()
        return
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as client:
        registry = SchemaRegistry(client)
        await registry.prepare(NAMES)
        yield Codec(registry)
