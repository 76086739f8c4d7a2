"""Every door that answers says which scans do not count as they say: those ahead of their receipt, and old ones."""

import time
import uuid
from pathlib import Path
from typing import Any

from buuta.model.times import DAY_MS, iso_text
from buuta.settings import SharedSettings
from services.ingest.storage import Carrier
from tests.integration.command import buuta
from tests.integration.doors import Door, add_carrier
from tests.integration.test_epcis import job
from tests.unit.test_epcis import EVENT

YEAR_MS = 366 * DAY_MS
NOW_MS = round(time.time() * 1000)
AHEAD, OLD = iso_text(NOW_MS + DAY_MS), iso_text(NOW_MS - YEAR_MS)
TOLD = [(None, None), ("time_ahead", None), ("time_too_old", False)]


def items(*moments: str) -> list[dict[str, Any]]:
    return [
        {"number": f"AAA{place}", "code": "held", "occurred_at": at} for place, at in enumerate(moments)
    ]


async def test_a_batch_and_its_answers(door: Door) -> None:
    answers = (await door.scans(items(iso_text(NOW_MS), AHEAD, OLD))).json()
    assert [each["result"] for each in answers] == ["accepted"] * 3
    assert [(each.get("code"), each.get("steers")) for each in answers] == TOLD
    assert "a year" in answers[2]["message"]
    again = (await door.scans(items(AHEAD)[:1] * 2)).json()
    assert [(each["result"], each["code"]) for each in again] == [
        ("accepted", "time_ahead"), ("duplicate", "time_ahead"),
    ]  # fmt: skip


async def test_a_copy_that_says_something_else_does_not_hide_that_it_steers_nothing(door: Door) -> None:
    [one] = items(OLD)
    answers = (await door.scans([one, {**one, "attempt": 2}])).json()
    assert (answers[1]["code"], answers[1]["steers"]) == ("copy_differs", False)
    assert "a year" in answers[1]["message"]


async def test_a_webhook_and_one_whose_reply_is_fixed(door: Door, pool: Any) -> None:
    said = {"OrderCode": "GHN1", "Status": "delivered", "Time": OLD, "Type": "switch_status"}
    answer = (await door.webhook("ghn", json=said)).json()
    assert (answer["result"], answer["code"], answer["steers"]) == ("accepted", "time_too_old", False)
    door.secrets["ems"] = await add_carrier(pool, Carrier("ems", "EMS", "ems"))
    event = {"tracking_code": "EJ012345678VN", "status_code": 4, "datetime": "28/08/2019 07:54:50"}
    answer = (await door.webhook("ems", json=event, headers={"ems-transaction": "t1"})).json()
    assert (answer["code"], answer["finding"], answer["steers"]) == ("success", "time_too_old", False)


async def test_an_epcis_job(door: Door, pool: Any) -> None:
    key, _ = await add_carrier(pool, Carrier("gs1post", "A post that speaks EPCIS", "epcis"))
    events = [{**EVENT, "eventID": f"urn:uuid:{uuid.uuid4()}", "eventTime": at} for at in (AHEAD, OLD)]
    found = await job(door, key, *events)
    assert found["success"]
    assert [(each["event"], each["code"], each.get("steers")) for each in found["warnings"]] == [
        (0, "time_ahead", None), (1, "time_too_old", False),
    ]  # fmt: skip


async def test_a_file_says_how_many(settings: SharedSettings, pool: Any, folder: Path) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    path = folder / "scans.csv"
    path.write_text(f"number,code,occurred_at\nAAA1,held,{AHEAD}\nAAA2,held,{OLD}\nAAA3,held,{OLD}\n")
    ran = await buuta(settings, "ingest", "file", str(path), "--carrier", "vnp")
    assert ran.code == 0, ran.said
    said = " ".join(ran.said.split())
    assert "1 scans lie more than 10 minutes after" in said
    assert "2 scans lie more than a year before" in said


async def test_what_is_read_once_more_from_quarantine(door: Door, settings: SharedSettings) -> None:
    odd = [{**each, "code": "gone home"} for each in items(AHEAD, OLD)]
    await door.scans(odd)
    arguments = ("quarantine", "map", "buuta", "gone home", "--status", "delivered")
    for more in (("--dry-run",), ()):
        ran = await buuta(settings, *arguments, *more)
        assert ran.code == 0, ran.said
        assert "1 scans lie more than a year before" in " ".join(ran.said.split())
