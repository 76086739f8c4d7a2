"""The quarantine for operators over HTTP: look, map, send on, drop; with a dry run, and by whom."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.storage.unlocking import unlock
from buuta.storage.vault import Vault, read_master_key
from services.ingest.doors import office
from services.ingest.quarantine.desk import PAGE
from services.ingest.quarantine.held import Held, Source, hold, sealed
from tests.integration.command import buuta
from tests.integration.doors import GOOD, Door, log
from tests.waiting import until

WHERE = "/v1/operations/quarantine"


class Desk:
    """An operator's requests."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}

    async def get(self, path: str = "", **query: Any) -> httpx.Response:
        return await self._client.get(f"{WHERE}{path}", params=query, headers=self._headers)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self._client.post(f"{WHERE}{path}", json=body, headers=self._headers)


@pytest.fixture
async def desk(door: Door, settings: SharedSettings) -> Desk:
    made = await buuta(settings, "operator", "add", "duty-desk")
    return Desk(door.client, made.said.split()[2])


async def wait_for_two(door: Door) -> None:
    await door.scans([{**GOOD, "code": "handed over"}, {**GOOD, "number": "N02", "code": "handed over"}])


async def test_a_code_is_mapped_and_what_waited_is_sent_on(
    door: Door, desk: Desk, settings: SharedSettings, pool: Any
) -> None:
    await wait_for_two(door)
    [row] = (await desk.get()).json()
    assert (row["carrier"], row["reason"], row["reports"]) == ("vnp", "unknown_code", 2)
    assert "handed over" not in repr(row), (
        "a code may be anything that somebody typed: it is shown by a mark"
    )
    assert (await desk.get(f"/reports/{row['example']}")).json()["code"] == "handed over"
    meaning = {"format": "buuta", "code": row["code"], "status": "out_for_delivery"}
    dry = await desk.post("/map", **meaning, dry_run=True)
    assert dry.json() == {
        "sent_on": 2, "new_in_history": 2, "do_not_steer": 0, "count_from_receipt": 0, "wait_on": 0, "why": [],
        "dry_run": True,
    }  # fmt: skip
    assert await log(settings) == []
    assert (await desk.get()).json() != []
    done = await desk.post("/map", **meaning)
    assert (done.status_code, done.json()["sent_on"]) == (200, 2)
    assert [each["status"] for each in await log(settings)] == ["out_for_delivery"] * 2
    assert await pool.fetchval("select mapped_by from code_mappings") == "duty-desk"
    assert (await desk.get()).json() == []

    async def known() -> bool:
        [answer] = (await door.scans([{**GOOD, "number": "N03", "code": "handed over"}])).json()
        return bool(answer["result"] == "accepted")

    await until(known, "the mapping holds for what comes from now on")


async def test_a_report_is_looked_at_read_again_and_dropped(door: Door, desk: Desk, pool: Any) -> None:
    await wait_for_two(door)
    first, second = (await desk.get("/reports", carrier="vnp", code="handed over")).json()
    shown = (await desk.get(f"/reports/{first['number']}")).json()
    assert (shown["state"], "handed over" in shown["report"]) == ("waiting", True)
    again = (await desk.post("/replay", number=first["number"])).json()
    assert (again["sent_on"], again["wait_on"]) == (0, 1)
    assert again["why"][0]["why"].startswith("unknown_code")
    assert (await desk.post("/drop", number=second["number"], why="a test", dry_run=True)).json()[
        "dropped"
    ] == 1
    assert (await desk.post("/drop", number=second["number"], why="a test")).json() == {
        "dropped": 1,
        "dry_run": False,
    }
    row = await pool.fetchrow("select state, why from quarantine where id = $1", second["number"])
    assert tuple(row) == ("dropped", "a test (duty-desk)")
    assert (await desk.get("/reports/999999")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/map", {"format": "fax", "code": "x", "status": None}, 400), ("/map", {"format": "buuta"}, 422),
        ("/map", {"format": "buuta", "code": "x", "status": "teleported"}, 422),
        ("/map", {"format": "buuta", "code": "\x00"}, 422), ("/drop", {"why": "x"}, 422),
        ("/drop", {"carrier": "vnp"}, 422), ("/replay", {"number": 0}, 422), ("/replay", {"all": True}, 422),
    ],
)  # fmt: skip
async def test_what_is_asked_wrongly_is_refused(
    desk: Desk, path: str, body: dict[str, Any], status: int
) -> None:
    assert (await desk.post(path, **body)).status_code == status


async def test_neither_carriers_nor_operators_that_ended_may_work_here(
    door: Door, desk: Desk, settings: SharedSettings
) -> None:
    for key in (door.secrets["vnp"][0], "bo_guessed"):
        assert (await Desk(door.client, key).get()).status_code == 401
    assert (await door.client.get(WHERE)).status_code == 401
    assert (await desk.get()).status_code == 200
    listed = await buuta(settings, "operator", "list")
    assert "duty-desk" in listed.said
    assert (await buuta(settings, "operator", "end", "duty-desk")).code == 0
    assert (await desk.get()).status_code == 401
    assert (await buuta(settings, "operator", "end", "duty-desk")).code != 0


async def test_many_reports_are_read_again_in_pages_each_for_good_and_the_answer_says_where_to_go_on(
    desk: Desk, door: Door, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office, "PAGES", 1)
    items = [{**GOOD, "number": f"N{each:04}", "code": "handed over"} for each in range(450)]
    assert (await door.scans(items)).status_code == 200
    done = (await desk.post("/map", format="buuta", code="handed over", status="delivered")).json()
    assert (done["sent_on"], done["wait_on"]) == (200, 0)
    done = (await desk.post("/replay", carrier="vnp", after=done["after"], dry_run=True)).json()
    assert (done["sent_on"], done["dry_run"]) == (200, True)
    sent = 200
    while "after" in done:
        done = (await desk.post("/replay", carrier="vnp")).json()
        sent += done["sent_on"]
    assert sent == 450
    assert await pool.fetchval("select count(*) from quarantine where state = 'waiting'") == 0


MANY = 200_000
AT_A_TIME = 2_000
WHEN = 1_795_500_000_000


def waiting(vault: Vault, first: int) -> list[Held]:
    """Reports with a code that nobody knows, as ingest sets them aside."""
    numbers = range(first, first + AT_A_TIME)
    plain = [
        json.dumps({**GOOD, "number": f"M{each:06}", "code": "handed over"}).encode() for each in numbers
    ]
    return [
        sealed(vault, Source("vnp", "api", "unknown_code", WHEN), each, "handed over") for each in plain
    ]


@pytest.mark.long
@pytest.mark.timeout(3_600)
async def test_200_000_reports_are_read_again_in_pieces_while_the_door_goes_on(
    desk: Desk, door: Door, settings: SharedSettings, pool: Any
) -> None:
    """The guard of the loops is on: no piece holds up the requests beside it. A carrier reports meanwhile."""
    vault = Vault(read_master_key(settings.master_key))
    await unlock(pool, vault)
    for first in range(0, MANY, AT_A_TIME):
        await hold(pool, await asyncio.to_thread(waiting, vault, first))
    done = (await desk.post("/map", format="buuta", code="handed over", status="delivered")).json()
    sent, pieces = done["sent_on"], 1
    while "after" in done:
        done = (await desk.post("/replay", carrier="vnp", after=done["after"])).json()
        sent, pieces = sent + done["sent_on"], pieces + 1
        assert (await door.scans([{**GOOD, "number": f"B{pieces:04}"}])).status_code == 200
    assert (sent, done["wait_on"]) == (MANY, 0)
    assert pieces >= MANY / (office.PAGES * PAGE)
    assert await pool.fetchval("select count(*) from quarantine where state = 'waiting'") == 0
    found = {event["number"] for event in await log(settings)}
    assert len({number for number in found if number.startswith("M")}) == MANY
    assert len(found) == MANY + pieces - 1
