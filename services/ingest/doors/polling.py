"""The polling door: carriers that only answer questions are asked for what is new, in turn.

A position moves once what lies before it is safe; a process that is killed in between asks for the same again, and
nothing counts twice.
"""

import asyncio
import random
from functools import partial
from typing import Final

import httpx
import structlog

from buuta.errors import BadItem, KafkaAway
from buuta.storage.background import run_forever, said
from buuta.storage.faults import is_away
from buuta.storage.vault import Vault
from buuta.telemetry import metrics
from buuta.telemetry.clock import now_ms
from buuta.web.bodies import parse_json
from buuta.web.problems import Problem
from services.ingest.domain.polling import Page, Polling, pause, read_page
from services.ingest.intake import Intake
from services.ingest.registry import polls
from services.ingest.registry.polls import Poll

log = structlog.get_logger()
DOOR: Final = "api"
"""What scans say of it: they are Buuta's asking for what carriers otherwise send."""
IDLE_SECONDS: Final = 1.0
MOST_BYTES: Final = 10_000_000
MOST_PAGES: Final = 100
TIMEOUT_SECONDS: Final = 30.0
WHOLE_SECONDS: Final = 60.0
"""The longest that an answer may take, however it trickles."""


class NoAnswer(Exception):
    """A carrier did not answer as it should; `after` is when it wants to be asked again, in seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class PollingDoor:
    """Asks carriers for what is new; several processes share the turns."""

    def __init__(self, intake: Intake, vault: Vault) -> None:
        self._intake = intake
        self._vault = vault

    async def run(self) -> None:
        """Ask for ever; what is away now is tried again."""
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            # A carrier has MOST_PAGES answers of WHOLE_SECONDS at most.
            await run_forever("polling", partial(self.turn, client), IDLE_SECONDS, within=None)

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
            reason = str(why)[:200] if isinstance(why, NoAnswer | KafkaAway) else said(why)
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
        """Page after page until there is no more, as fast as the carrier allows."""
        recipe = self._intake.recipes[poll.carrier.format]
        if recipe.polling is None:
            raise NoAnswer(f"format {recipe.format} has no section [polling]")
        position = poll.position
        for _ in range(MOST_PAGES):
            page = await _page(client, poll, recipe.polling, position, self._authorization(poll))
            await self._take(poll, page)
            if page.position is None or page.position == position:
                return
            if not await polls.advance(self._intake.pool, poll.carrier.code, position, page.position):
                return
            position = page.position
            if len(page.items) < recipe.polling.page:
                return
            await asyncio.sleep(1 / recipe.polling.per_second)

    def _authorization(self, poll: Poll) -> dict[str, str]:
        if poll.sealed is None:
            return {}
        secret = self._vault.open_directly(polls.secret_place(poll.carrier.code), poll.sealed).decode()
        return {"Authorization": f"Bearer {secret}"}

    async def _take(self, poll: Poll, page: Page) -> None:
        if not page.items:
            return
        recipe, receipt = self._intake.recipes[poll.carrier.format], poll.carrier.receipt(DOOR, now_ms())
        answers = await self._intake.take(poll.carrier, receipt, page.items, recipe.parse)
        await self._intake.keep_rejected(poll.carrier, receipt, page.items, answers)


async def _page(
    client: httpx.AsyncClient, poll: Poll, polling: Polling, position: str, headers: dict[str, str]
) -> Page:
    """One question and its answer.

    Raises:
        NoAnswer: none came, or one that cannot be read.
    """
    query: dict[str, str | int] = {polling.limit: polling.page}
    if position:
        query[polling.after] = position
    try:
        async with client.stream(
            "GET", httpx.URL(poll.url).copy_merge_params(query), headers=headers
        ) as answer:
            if answer.status_code != 200:
                raise NoAnswer(f"the carrier answers {answer.status_code}", _retry_after(answer))
            body = await _body(answer)
        return read_page(polling, parse_json(body))
    except (httpx.HTTPError, TimeoutError) as away:
        raise NoAnswer(f"the carrier does not answer: {type(away).__name__}") from None
    except (BadItem, Problem) as wrong:
        raise NoAnswer(str(wrong)) from None


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise NoAnswer(f"the answer has more than {MOST_BYTES} bytes")
    return bytes(body)


def _retry_after(answer: httpx.Response) -> float | None:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 8 else None
