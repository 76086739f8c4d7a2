"""What rests in `set_aside` takes no place of what comes behind it, and its note ends with it."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from buuta.contracts.codec import Codec
from buuta.errors import Retry
from buuta.model.scan import Scan
from buuta.settings import SharedSettings
from buuta.storage import set_aside
from buuta.storage.background import Fault
from buuta.storage.retention import sweep
from buuta.storage.set_aside import Aside
from buuta.storage.vault import Vault, read_master_key
from services.notifier import tries
from services.notifier.office import Office
from services.notifier.settings import NotifierSettings
from services.portal.storage import add_shipper
from services.tracker import deadlines
from services.tracker.deadlines import Timekeeper
from tests.integration.parts import chunk, everything, standing, worker
from tests.integration.test_each_loop import Ground, registered
from tests.integration.test_notifier import FakeChannel, Steps, milestone, plan
from tests.scans import HOUR, MORNING, scan

LIMIT = 3
RESTING = [f"N{place}" for place in range(LIMIT + 1)]
BEHIND = "N9"


def faults(*names: str) -> list[Fault[Aside]]:
    return [Fault(Aside(name), ValueError(name)) for name in names]


async def test_behind_a_limit_of_parcels_that_rest_the_next_deadline_is_told(
    settings: SharedSettings, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "MOST", LIMIT)
    async with worker(settings, pool) as tracker:
        await tracker.handle(chunk(settings, 0, [at(place) for place in range(LIMIT + 2)]))
        await set_aside.settle(pool, "deadlines", [], faults(*(f"ghn:{number}" for number in RESTING)))
        await Timekeeper(tracker, settings.events_topic, 60, standing(MORNING + 400 * HOUR)).sweep(0)
    told = {record.key for record in await everything(settings, settings.events_topic)}
    assert told == {f"ghn:{BEHIND}".encode()}


def at(place: int) -> Scan:
    """Scans one after another, of which the last is of the parcel behind the resting."""
    number = [*RESTING, BEHIND][place]
    return scan("accepted", 0, occurred_at=MORNING + place)._replace(number=number)


async def test_behind_a_limit_of_messages_that_rest_the_next_is_in_doubt(
    settings: SharedSettings, pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "LEFT_AT_ONCE", LIMIT)
    await add_shipper(pool, "shop", "Shop")
    vault = Vault(read_master_key(settings.master_key))
    ground = Ground(settings, pool, 0, tmp_path, monkeypatch)
    for place in [*range(LIMIT + 1), 9]:
        each, number = await registered(ground, place), f"N{place}"
        await plan(pool, vault, milestone(registration_id=str(each), number=number, event_id=number))
    await pool.execute("update messages set state = 'submitting', lease_until = now() - interval '1 hour'")
    await pool.execute(
        "update messages set lease_until = now() - interval '1 minute' where parcel_key = $1",
        f"ghn:{BEHIND}",
    )
    left = await pool.fetch("select message_id::text from messages where parcel_key <> $1", f"ghn:{BEHIND}")
    await set_aside.settle(pool, "doubtful", [], faults(*(row["message_id"] for row in left)))
    office = Office(pool, vault, Codec(), NotifierSettings(**settings.model_dump()))
    await Steps(office, FakeChannel()).once()
    doubted = await pool.fetch("select parcel_key from messages where state = 'in_doubt'")
    assert {row["parcel_key"] for row in doubted} == {f"ghn:{BEHIND}"}


async def test_what_fails_again_takes_no_second_place_of_those_that_may_be_set_aside(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "MOST", 3)
    settle = partial(set_aside.settle, pool, "x")
    for _ in range(2):
        await settle(["a", "b", "c"], faults("a", "b"))
    with pytest.raises(Retry):
        await settle(["c", "d"], faults("c", "d"))
    await settle(["a", "b", "c"], faults("c"))
    assert [row["element"] for row in await set_aside.listed(pool, "x", 9)] == ["c"]


async def test_of_a_loop_that_tries_all_there_is_nothing_stays_noted_that_is_not_at_fault(
    pool: Any,
) -> None:
    await set_aside.settle_all(pool, "x", faults("a", "b"))
    await set_aside.settle(pool, "y", [], faults("a"))
    await set_aside.settle_all(pool, "x", faults("b"))
    rows = await set_aside.listed(pool, None, 9)
    assert [(row["loop"], row["element"], row["tries"]) for row in rows] == [("x", "b", 2), ("y", "a", 1)]


async def test_a_note_that_nothing_came_back_to_for_a_day_ends(pool: Any) -> None:
    """Its element went another way: a parcel whose scan came before its deadline was told."""
    await set_aside.settle(pool, "deadlines", [], faults("gone", "due", "waits for people"))
    record = Fault(Aside("1", 1, "topic", b"key", b"value"), ValueError())
    await set_aside.settle(pool, "outbox", [], [record])
    await pool.execute(
        "update set_aside set next_at = now() - interval '2 days' where element in ('gone', '1')"
    )
    await pool.execute("update set_aside set next_at = null where element = 'waits for people'")
    assert (await sweep(pool, datetime.now(UTC)))["set_aside"] == 1
    left = {row["element"] for row in await set_aside.listed(pool, None, 9)}
    assert left == {"due", "waits for people", "1"}
