"""A carrier that only answers questions, played by a server over HTTP: asked in turn, resumed, spared."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from buuta.settings import SharedSettings
from buuta.storage.vault import Vault, read_master_key
from buuta.telemetry.service import http
from services.ingest.doors.polling import PollingDoor
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import GOOD, add_carrier, intake_on, log
from tests.integration.parts import producer_on

PAGE = 500


class Answering:
    """A carrier's server: it holds events, answers pages of them, and can be out of order."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[tuple[float, str, str]] = []
        self.instead: list[Response] = []
        self.most = 5_000
        self.runs_on = 0

    async def answer(self, request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        self.asked.append((time.monotonic(), str(after), request.headers.get("authorization", "")))
        if self.instead:
            return self.instead.pop(0)
        page = self.events[after : after + min(int(request.query_params["limit"]), self.most)]
        return JSONResponse({"items": page, "next": str(after + (len(page) or self.runs_on))})


@pytest.fixture
def server() -> Answering:
    return Answering()


@pytest.fixture
async def url(server: Answering, settings: SharedSettings) -> AsyncIterator[str]:
    app = Starlette(routes=[Route("/events", server.answer)])
    async with http(app, IngestSettings(**settings.model_dump() | {"port": 0})) as port:
        yield f"http://127.0.0.1:{port}/events?kind=scan"


@pytest.fixture
async def asker(
    settings: SharedSettings, pool: Any, url: str, tmp_path: Path
) -> AsyncIterator[tuple[PollingDoor, httpx.AsyncClient]]:
    await add_carrier(pool, Carrier("quiet", "It only answers", "buuta"))
    secret = tmp_path / "key"
    secret.write_text("their-key-of-ours\n")
    arguments = ("carrier", "poll", "quiet", "--url", url, "--every", "3600", "--secret-file", str(secret))
    made = await buuta(IngestSettings(**settings.model_dump() | {"ingest_poll_near": True}), *arguments)
    assert made.code == 0, made.said
    async with producer_on(settings) as producer, httpx.AsyncClient() as client:
        yield (
            PollingDoor(intake_on(settings, producer, pool), Vault(read_master_key(settings.master_key))),
            client,
        )


def events(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{**GOOD, "number": f"P{place:05}"} for place in range(first, first + count)]


async def due(pool: Any) -> None:
    await pool.execute("update polls set next_at = now()")


async def test_pages_are_taken_one_after_another_and_asked_for_with_the_carriers_key(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any
) -> None:
    door, client = asker
    server.events = events(PAGE + 3)
    assert await door.turn(client) is True
    assert len(await log(settings)) == PAGE + 3
    assert [after for _, after, _ in server.asked] == ["0", str(PAGE), str(PAGE + 3)], (
        "until it stands still"
    )
    assert {key for _, _, key in server.asked} == {"Bearer their-key-of-ours"}
    assert server.asked[1][0] - server.asked[0][0] >= 1, "no faster than the recipe allows"
    assert await pool.fetchval("select position from polls") == str(PAGE + 3)
    assert "their-key" not in repr([dict(row) for row in await pool.fetch("select * from polls")])
    assert await door.turn(client) is False, "its turn comes again in an hour"


async def test_a_carrier_that_caps_its_pages_is_read_until_the_position_stands_still(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any
) -> None:
    """However many were asked for, it gives two at once."""
    door, client = asker
    server.events, server.most = events(3), 2
    await door.turn(client)
    assert len(await log(settings)) == 3
    assert [after for _, after, _ in server.asked] == ["0", "2", "3"]


async def test_a_position_that_never_stands_still_ends_a_turn_after_some_empty_pages(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any
) -> None:
    """The position of some carriers is their clock."""
    door, client = asker
    server.events, server.runs_on = events(1), 10
    await door.turn(client)
    assert [after for _, after, _ in server.asked] == ["0", "1", "11", "21", "31"]
    assert await pool.fetchval("select position from polls") == "41"


async def test_what_is_new_since_then_is_asked_for_alone(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any
) -> None:
    door, client = asker
    server.events = events(3)
    await door.turn(client)
    server.events += events(2, first=3)
    await due(pool)
    await door.turn(client)
    assert [after for _, after, _ in server.asked] == ["0", "3", "3", "5"]
    assert len(await log(settings)) == 5


async def test_a_process_that_is_killed_before_the_position_moved_asks_again_and_nothing_counts_twice(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any
) -> None:
    door, client = asker
    server.events = events(3)
    await door.turn(client)
    await pool.execute("update polls set position = '', next_at = now()")
    await door.turn(client)
    assert len({each["event_id"] for each in await log(settings)}) == 3


async def test_while_one_process_asks_no_other_does(
    asker: tuple[PollingDoor, httpx.AsyncClient], pool: Any
) -> None:
    door, client = asker
    await pool.execute("update polls set leased_until = now() + interval '1 minute'")
    assert await door.turn(client) is False
    await pool.execute("update polls set leased_until = now() - interval '1 second'")
    assert await door.turn(client) is True


@pytest.mark.parametrize(
    ("instead", "seconds", "says"),
    [
        (Response(status_code=429, headers={"Retry-After": "7"}), (7, 7), "answers 429"),
        (Response(status_code=500), (900, 3600), "answers 500"), (Response(b"<html>"), (900, 3600), "JSON"),
        (Response(b"[" * 200), (900, 3600), ""), (JSONResponse({"items": 5}), (900, 3600), "no list at items"),
        (Response(status_code=302, headers={"Location": "http://127.0.0.1:1/"}), (900, 3600), "answers 302"),
    ],
    ids=["too many requests", "an error", "no JSON", "too deep", "another shape", "led elsewhere"],
)  # fmt: skip
async def test_a_carrier_that_does_not_answer_is_spared_and_the_position_stays(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any,
    instead: Response, seconds: tuple[int, int], says: str,
) -> None:  # fmt: skip
    door, client = asker
    server.instead = [instead]
    await door.turn(client)
    row = await pool.fetchrow(
        "select position, failures, last_error, extract(epoch from next_at - now())::float8 as pause from polls"
    )
    assert (row["position"], row["failures"]) == ("", 1)
    assert says in row["last_error"]
    assert seconds[0] - 5 <= row["pause"] <= seconds[1] + 1
    assert row["last_error"][:20] in (await buuta(settings, "carrier", "polls")).said
    server.events = events(1)
    await due(pool)
    await door.turn(client)
    assert await pool.fetchval("select failures from polls") == 0
    assert len(await log(settings)) == 1


async def test_what_cannot_be_read_is_set_aside_and_does_not_hold_up_the_rest(
    asker: tuple[PollingDoor, httpx.AsyncClient], server: Answering, settings: SharedSettings, pool: Any
) -> None:
    door, client = asker
    server.events = [{**GOOD, "code": "odd"}, {"number": "N"}, 5, *events(1)]  # type: ignore[list-item]
    await door.turn(client)
    assert len(await log(settings)) == 1
    assert await pool.fetchval("select count(*) from quarantine") == 3
    assert await pool.fetchval("select position from polls") == "4"


async def test_only_who_can_be_asked_is_asked(settings: SharedSettings, pool: Any) -> None:
    await add_carrier(pool, Carrier("ghn", "GHN", "ghn"))
    for arguments, says in (
        (("ghn", "--url", "http://9.9.9.9:1/"), "no section [polling]"),
        (("nobody", "--url", "http://9.9.9.9:1/"), "no carrier"),
        (("ghn", "--url", "file:///etc/passwd"), "http://"),
        (("buuta", "--url", "http://127.0.0.1:1/"), "leads to this machine or its own networks"),
        (("buuta", "--url", "http://10.0.0.7/"), "BUUTA_INGEST_POLL_NEAR"),
        (("buuta", "--url", "http://[::1]/"), "leads to this machine"),
    ):  # fmt: skip
        ran = await buuta(settings, "carrier", "poll", *arguments)
        assert ran.code != 0
        assert says in " ".join(ran.said.split())
