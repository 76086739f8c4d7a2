"""The polling door: carriers that only answer questions are asked for what is new, in turn.

A position moves once what lies before it is safe; a process that is killed in between asks for the same again, and
nothing counts twice.
"""

import asyncio
import json
import random
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx
import structlog

from buuta.errors import BadItem, FormatAway, KafkaAway
from buuta.storage.background import run_forever, said
from buuta.storage.faults import is_away
from buuta.storage.vault import Vault
from buuta.telemetry import metrics
from buuta.telemetry.clock import now_ms
from buuta.web.bodies import parse_json
from buuta.web.packing import unpacked
from buuta.web.problems import Problem
from services.ingest.domain.addresses import NEAR, SECRET, is_near, with_secret
from services.ingest.domain.polling import Page, Polling, pause, read_page
from services.ingest.domain.recipe import Receipt, Recipe, recipe_of
from services.ingest.intake import Intake
from services.ingest.registry import polls
from services.ingest.registry.polls import Poll

log = structlog.get_logger()
DOOR: Final = "api"
"""What scans say of it: they are Buuta's asking for what carriers otherwise send."""
IDLE_SECONDS: Final = 1.0
MOST_BYTES: Final = 10_000_000
MOST_PAGES: Final = 100
MOST_EMPTY: Final = 3
"""Pages in a row without an item: the position of some is the clock, and never stands still."""
TIMEOUT_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 60.0
"""The longest that an answer may take, however it trickles; less than the lease of a turn."""
TURN_SECONDS: Final = 300.0
"""After so many seconds a carrier's turn ends with the page at hand."""
AT_ONCE: Final = 8
"""Carriers that are asked at the same time."""
AT_A_TIME: Final = 500
"""Items that are read at once: no more than the event loop can spare the time for."""


class NoAnswer(Exception):
    """A carrier did not answer as it should; `after` is when it wants to be asked again, in seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class PollingDoor:
    """Asks carriers for what is new; several processes share the turns."""

    def __init__(self, intake: Intake, vault: Vault, *, near: bool = True) -> None:
        """`near` says whether addresses of this machine and its networks may be asked, too."""
        self._intake = intake
        self._vault = vault
        self._near = near

    async def run(self) -> None:
        """Ask for ever, several carriers side by side; what is away now is tried again."""
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            turn = partial(self.turn, client)
            # A turn has an end of its own.
            loops = (run_forever("polling", turn, IDLE_SECONDS, within=None) for _ in range(AT_ONCE))
            await asyncio.gather(*loops)

    async def turn(self, client: httpx.AsyncClient) -> bool:
        """Ask the carrier whose turn it is; False where it is nobody's."""
        poll = await polls.claim(self._intake.pool)
        if poll is None:
            return False
        code = poll.carrier.code
        try:
            await self._ask(client, poll)
        except Exception as why:
            # Each carrier alone: what is wrong with one, even with our reading of it, is no other's matter.
            if is_away(why):
                raise
            failures = poll.failures + 1
            asked = why.after if isinstance(why, NoAnswer) else None
            seconds = pause(failures, poll.every, asked, random.random())  # noqa: S311 - to spread, not to hide
            reason = str(why)[:200] if isinstance(why, NoAnswer | KafkaAway | FormatAway) else said(why)
            await polls.rest(self._intake.pool, code, seconds, failures, reason)
            metrics.INGEST_POLLS.labels(code, "failed").inc()
            log.warning(
                "poll_failed", carrier=code, failures=failures, again_in=round(seconds, 1), why=reason
            )
        else:
            await polls.rest(self._intake.pool, code, poll.every, 0, None)
            metrics.INGEST_POLLS.labels(code, "answered").inc()
        return True

    async def _ask(self, client: httpx.AsyncClient, poll: Poll) -> None:
        """Page after page until the position stands still, as fast as the carrier allows.

        How many a page holds says nothing: a carrier may give fewer than were asked for, and have more.
        """
        recipe = recipe_of(self._intake.recipes, poll.carrier.format)
        if recipe.polling is None:
            raise NoAnswer(f"format {recipe.format} has no section [polling]")
        position, ends = poll.position, time.monotonic() + TURN_SECONDS
        question, empty = self._question(poll), 0
        for _ in range(MOST_PAGES):
            page = await _page(client, question, recipe.polling, position)
            await self._take(poll, page)
            empty = 0 if page.items else empty + 1
            if page.position is None or page.position == position:
                return
            if not await polls.advance(self._intake.pool, poll.carrier.code, position, page.position):
                return
            position = page.position
            if empty > MOST_EMPTY or time.monotonic() > ends:
                return
            await asyncio.sleep(1 / recipe.polling.per_second)

    def _question(self, poll: Poll) -> "Question":
        if poll.sealed is None:
            return Question(poll.url, {}, self._near)
        secret = self._vault.open_directly(polls.secret_place(poll.carrier.code), poll.sealed).decode()
        if SECRET in poll.url:
            return Question(with_secret(poll.url, secret), {}, self._near)
        return Question(poll.url, {"Authorization": f"Bearer {secret}"}, self._near)

    async def _take(self, poll: Poll, page: Page) -> None:
        if not page.items:
            return
        recipe, receipt = (
            recipe_of(self._intake.recipes, poll.carrier.format),
            poll.carrier.receipt(DOOR, now_ms()),
        )
        part: list[Any] = []
        for item in page.items:
            part += await self._events(recipe, receipt, item)
            if len(part) >= AT_A_TIME:
                await self._take_part(poll, recipe, receipt, part)
                part = []
        await self._take_part(poll, recipe, receipt, part)

    async def _take_part(self, poll: Poll, recipe: Recipe, receipt: Receipt, part: list[Any]) -> None:
        if part:
            answers = await self._intake.take(poll.carrier, receipt, part, recipe.parse)
            await self._intake.keep_rejected(poll.carrier, receipt, part, answers)

    async def _events(self, recipe: Recipe, receipt: Receipt, item: Any) -> list[Any]:
        """The events of an item; one that holds too many is kept, and holds up no other."""
        try:
            return recipe.unfold(item)
        except BadItem as bad:
            await self._intake.keep(receipt, bad.code, json.dumps(item).encode())
            return []


@dataclass(frozen=True, repr=False)
class Question:
    """Where and with what a carrier is asked; never printed, since it holds the key."""

    url: str
    headers: Mapping[str, str]
    near: bool


async def _page(client: httpx.AsyncClient, question: Question, polling: Polling, position: str) -> Page:
    """One question and its answer, within `WHOLE_SECONDS` however it trickles.

    Raises:
        NoAnswer: none came, or one that cannot be read.
    """
    query: dict[str, str | int] = {polling.limit: polling.page}
    if position:
        query[polling.after] = position
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            request = await _request(client, question, query)
            body = await _answer(client, request)
            return read_page(polling, await asyncio.to_thread(parse_json, body))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as away:
        raise NoAnswer(f"the carrier does not answer: {type(away).__name__}") from None
    except (BadItem, Problem) as wrong:
        raise NoAnswer(str(wrong)) from None


async def _request(
    client: httpx.AsyncClient, question: Question, query: Mapping[str, str | int]
) -> httpx.Request:
    """The question to the very address that was looked at: a name may lead elsewhere a moment later.

    Raises:
        NoAnswer: it leads to this machine or its networks, which only a setting allows.
    """
    url = httpx.URL(question.url).copy_merge_params(query)
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not question.near and any(map(is_near, addresses)):
        raise NoAnswer(NEAR)
    headers = {**question.headers, "Host": url.netloc.decode("ascii"), "Accept-Encoding": "gzip"}
    return client.build_request(
        "GET", url.copy_with(host=addresses[0]), headers=headers, extensions={"sni_hostname": url.host}
    )


async def _answer(client: httpx.AsyncClient, request: httpx.Request) -> bytes:
    answer = await client.send(request, stream=True, follow_redirects=False)
    try:
        if answer.status_code != 200:
            raise NoAnswer(f"the carrier answers {answer.status_code}", _retry_after(answer))
        body = await _body(answer)
    finally:
        await answer.aclose()
    encoding = ",".join(answer.headers.get_list("content-encoding"))
    return await asyncio.to_thread(unpacked, body, encoding, MOST_BYTES)


async def _body(answer: httpx.Response) -> bytes:
    """What came over the line, as it came: unpacking is bounded apart."""
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MOST_BYTES:
            raise NoAnswer(f"the answer has more than {MOST_BYTES} bytes")
    return bytes(body)


def _retry_after(answer: httpx.Response) -> float | None:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 8 else None
