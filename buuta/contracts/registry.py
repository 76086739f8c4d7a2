"""A Confluent-compatible schema registry, met once at the start and once for each new number.

A registry that is away is waited for. One that answers, and only not for one number, is not: after so many tries
that number counts as unknown, and its records are set aside, each by itself.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx
import structlog

from buuta.causes import because
from buuta.contracts.codec import CONFLUENT, Codec
from buuta.contracts.schemas import NAMES, Schema, parse_written, schema
from buuta.errors import Retry, SchemaMismatch, SchemaUnanswered
from buuta.telemetry import metrics

log = structlog.get_logger()
ASK_AGAIN_SECONDS: Final = 30.0
MOST_UNREAD: Final = 10_000
LONGEST: Final = 200_000
"""Characters of a schema's text."""

ANSWER_SECONDS: Final = 10.0
"""For a whole answer: one that drips for ever is none."""
TRIES: Final = 5
PATIENT_SECONDS: Final = 30.0
"""A number is given up after so many tries, the first of them so long ago."""
AT_ONCE: Final = 8
"""Questions of one `learn` at the same time: numbers that hang do not add up."""
HIGHEST: Final = 2**31 - 1
"""Numbers are Java's int; of a higher one nobody needs to be asked."""
NEVER: Final = frozenset({400, 404, 410, 422})
"""Statuses that say for good that there is no such schema."""


class SchemaRegistry:
    """Numbers for our schemas, and schemas for numbers that others wrote.

    Subjects follow the RecordNameStrategy (`vn.buuta.ScanEvent`), since one topic holds several
    record types. Look-ups are made by `prepare` and `learn`; the codec itself never waits.
    """

    def __init__(
        self, client: httpx.AsyncClient, patience: float = PATIENT_SECONDS, answer: float = ANSWER_SECONDS
    ) -> None:
        self._client = client
        self._patience = patience
        self._answer = answer
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Schema] = {}
        self._unread: dict[int, float] = {}
        self._failing: dict[int, _Failing] = {}

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
            number = _object_in(answer).get("id")
            if not isinstance(number, int):
                raise Retry(f"the schema registry answers {answer.status_code} and names no id")
            self._ids[name] = number
            self._schemas[number] = ours

    async def learn(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas of all numbers in these records that we have not met.

        A number that the registry does not know, whose schema is no Avro record, or for which alone it does not
        answer however often it is asked, stays unknown: its records are undecodable, each by itself. It is asked
        for again after a while, not with every record.

        Raises:
            SchemaUnanswered: the registry answers, and not for one of these numbers; the others are learnt.
            Retry: the registry cannot be reached, or cannot answer now.
        """
        now = time.monotonic()
        new = [each for each in self._new(values) if self._unread.get(each, 0.0) <= now]
        failed = await self._meet_all(new)
        if not failed:
            return
        if not await self._is_there():
            raise Retry(f"the schema registry cannot answer now: {next(iter(failed.values()))}")
        waiting = {number: why for number, why in failed.items() if not self._gives_up(number, why)}
        if waiting:
            number, why = next(iter(waiting.items()))
            raise SchemaUnanswered(f"the schema registry answers, and not for its id {number}: {why}")

    def _new(self, values: Iterable[bytes | None]) -> set[int]:
        named = {
            int.from_bytes(value[1:5], "big")
            for value in values
            if value and value[:1] == CONFLUENT and len(value) >= 5
        }
        return {number for number in named if number <= HIGHEST} - self._schemas.keys()

    async def _meet_all(self, numbers: Iterable[int]) -> dict[int, str]:
        """Ask for numbers; returns those for which there was no answer, and why."""
        at_once, failed = asyncio.Semaphore(AT_ONCE), dict[int, str]()

        async def meet(number: int) -> None:
            async with at_once:
                try:
                    await self._meet(number)
                except Retry as why:
                    failed[number] = str(why)

        async with asyncio.TaskGroup() as asking:
            for number in numbers:
                asking.create_task(meet(number))
        return failed

    async def _meet(self, number: int) -> None:
        answer = await self._call("GET", f"/schemas/ids/{number}")
        text = _text_in(answer)
        if text is None and answer.status_code not in NEVER:
            raise Retry(f"it answers {answer.status_code} and names no schema")
        # The parser takes its time, which may be longer than a loop may be held up.
        found = None if text is None else await asyncio.to_thread(_parsed, text)
        self._failing.pop(number, None)
        if found is None:
            self._leave(number)
        else:
            self._schemas[number] = found

    async def _is_there(self) -> bool:
        """Whether the registry answers for a number that we know."""
        known = next(iter((*self._ids.values(), *self._schemas)), None)
        if known is None:
            return False
        try:
            return _text_in(await self._call("GET", f"/schemas/ids/{known}")) is not None
        except Retry:
            return False

    def _gives_up(self, number: int, why: str) -> bool:
        """Count a failure that is this number's alone; true from when it has failed often and for long."""
        failing = self._failing.setdefault(number, _Failing(time.monotonic()))
        failing.tries += 1
        if failing.tries < TRIES or time.monotonic() - failing.since < self._patience:
            return False
        metrics.SCHEMAS_UNANSWERED.inc()
        log.error("schema_unanswered", schema_id=number, tries=failing.tries, why=why)
        self._leave(number)
        return True

    def _leave(self, number: int) -> None:
        """Have a number count as unknown for a while."""
        for each in (self._unread, self._failing):
            if len(each) >= MOST_UNREAD:
                each.clear()
        self._unread[number] = time.monotonic() + ASK_AGAIN_SECONDS

    async def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            async with asyncio.timeout(self._answer):
                return await self._client.request(method, path, json=body)
        except (TimeoutError, httpx.HTTPError) as away:
            raise Retry(
                f"the schema registry does not answer: {because(away)}. Is BUUTA_SCHEMA_REGISTRY_URL right?"
            ) from away


@dataclass
class _Failing:
    """A number for which alone there is no answer: since when (monotonic seconds), and how often it was asked."""

    since: float
    tries: int = 0


def _text_in(answer: httpx.Response) -> str | None:
    """The text of a schema in an answer; None where the answer is none that a registry would give of one."""
    text = _object_in(answer).get("schema")
    return text if isinstance(text, str) else None


def _object_in(answer: httpx.Response) -> dict[str, Any]:
    """What a registry says where all is well; nothing where it is another's page, or an error."""
    try:
        said: Any = answer.json() if answer.status_code == httpx.codes.OK else None
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _parsed(text: str) -> Schema | None:
    """The schema of that text; None where it is too long, or no record that Avro's rules allow."""
    if len(text) > LONGEST:
        return None
    try:
        return parse_written(text)
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
    # As many connections as there are questions: none waits for those of a number that hangs.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, limits=limits) as client:
        registry = SchemaRegistry(client)
        await registry.prepare(NAMES)
        yield Codec(registry)
