"""Nothing ends a loop but its cancellation, and one element that fails stops none of its neighbours."""

import ast
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from buuta.errors import KafkaAway
from buuta.settings import SharedSettings
from buuta.storage import locks, outbox, set_aside
from buuta.storage.background import each_alone, in_turn, run_forever, running, until_done
from buuta.storage.bounded import Silence
from buuta.storage.locks import Lock
from buuta.storage.outbox import Relay
from buuta.storage.set_aside import Aside
from services.ingest.spool import Spool
from tests.integration.command import buuta
from tests.integration.parts import everything, producer_on
from tests.waiting import until

ROOT = Path(__file__).parents[2]
BAD = b"bad"


class Topic:
    """What a Kafka would hold that refuses some values."""

    def __init__(self, bad: bytes = BAD) -> None:
        self.bad: bytes | None = bad
        self.away = False
        self.records: list[tuple[bytes, bytes]] = []

    async def send_keyed(self, _: str, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        await self.send(pairs)

    async def send(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        if self.away:
            raise KafkaAway("away")
        if any(value == self.bad for _, value in pairs):
            raise ValueError(f"no such value: {self.bad!r}")
        self.records += pairs

    def of(self, key: bytes) -> list[bytes]:
        return [value for found, value in self.records if found == key]


async def test_elements_are_halved_down_to_those_that_fail_alone() -> None:
    done: list[int] = []

    async def work(numbers: Sequence[int]) -> None:
        if {7, 30} & set(numbers):
            raise ValueError("unlucky")
        done.extend(numbers)

    outcome = await each_alone(range(40), work)
    assert [fault.element for fault in outcome.faults] == [7, 30]
    assert sorted(done) == sorted(outcome.done) == [each for each in range(40) if each not in (7, 30)]


async def test_behind_one_that_fails_the_same_key_is_held_back_and_others_go_on() -> None:
    done: list[tuple[str, int]] = []

    async def work(pairs: Sequence[tuple[str, int]]) -> None:
        if ("a", 1) in pairs:
            raise ValueError("unlucky")
        done.extend(pairs)

    pairs = [("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 1), ("a", 3)]
    outcome = await each_alone(pairs, work, lambda pair: pair[0])
    assert done == [("a", 0), ("b", 0), ("b", 1)]
    assert outcome.held == [("a", 2), ("a", 3)]


async def test_what_is_away_is_no_elements_fault() -> None:
    async def work(_: Sequence[int]) -> None:
        raise KafkaAway("away")

    with pytest.raises(KafkaAway):
        await each_alone([1, 2], work)


async def test_a_turn_that_fails_starves_none_behind_it_and_is_told() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        if number == 1:
            raise ValueError("unlucky")
        done.append(number)

    with pytest.raises(ValueError, match="unlucky"):
        await in_turn([0, 1, 2], work)
    assert done == [0, 2]


async def test_a_loop_goes_on_after_any_failure_and_after_a_turn_that_hangs() -> None:
    turns: list[int] = []
    well = asyncio.Event()

    async def step() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise RuntimeError("a fault")
        if len(turns) == 2:
            await asyncio.Event().wait()
        well.set()

    async with running(run_forever("test", step, 0.01, within=0.1)), asyncio.timeout(30):
        await well.wait()
    assert len(turns) >= 3


async def test_what_is_tried_until_it_goes_well_is_done_once() -> None:
    tries: list[int] = []

    async def step() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("not yet")

    await until_done("test", step, 0.01)
    assert len(tries) == 3


async def put(pool: Any, *records: tuple[bytes, bytes]) -> None:
    async with pool.acquire() as con, con.transaction():
        for key, value in records:
            await outbox.put(con, "topic", key, value)


async def sooner(pool: Any) -> None:
    """Let what is to be tried later be tried now."""
    await pool.execute("update set_aside set next_at = now() where next_at is not null")


async def tried_out(relay: Relay, pool: Any, loop: str = "outbox") -> None:
    """Try until what fails waits for people."""

    async def waits() -> bool:
        await sooner(pool)
        await relay.once()
        return bool(await pool.fetchval("select bool_and(next_at is null or tries = 0) from set_aside"))

    await until(waits, f"{loop} has set aside what fails")


async def test_nothing_overtakes_what_is_set_aside_until_it_is_declared_lost(pool: Any) -> None:
    topic = Topic()
    relay = Relay(pool, topic)
    await put(pool, (b"a", b"1"), (b"a", BAD), (b"b", b"1"), (b"a", b"2"))
    await relay.once()
    await put(pool, (b"a", b"3"), (b"b", b"2"))
    await relay.once()
    assert (topic.of(b"a"), topic.of(b"b")) == ([b"1"], [b"1", b"2"])
    assert await pool.fetchval("select count(*) from outbox") == 0
    await tried_out(relay, pool)
    [head, *_] = await set_aside.listed(pool, "outbox", 10)
    assert (head["reason"], head["tries"], head["next_at"]) == ("ValueError", set_aside.TRIES, None)
    assert await set_aside.drop(pool, "outbox", head["element"])
    await until(lambda: _sent(relay, topic, 3), "what waited behind it is sent")
    assert topic.of(b"a") == [b"1", b"2", b"3"]


async def _sent(relay: Relay, topic: Topic, most: int) -> bool:
    await relay.once()
    return len(topic.of(b"a")) == most


async def test_what_is_set_aside_is_tried_again_by_hand_and_keeps_its_place(pool: Any) -> None:
    topic = Topic()
    relay = Relay(pool, topic)
    await put(pool, (b"a", BAD), (b"a", b"2"))
    await relay.once()
    await tried_out(relay, pool)
    topic.bad = None
    await relay.once()
    assert topic.of(b"a") == []
    assert await set_aside.retry(pool, "outbox", None) == 2
    await until(lambda: _sent(relay, topic, 2), "both are sent")
    assert topic.of(b"a") == [BAD, b"2"]
    assert await pool.fetchval("select count(*) from set_aside") == 0


async def test_of_what_kafka_refuses_while_it_is_away_nothing_is_set_aside(pool: Any) -> None:
    topic = Topic()
    topic.away = True
    await put(pool, (b"a", b"1"))
    with pytest.raises(KafkaAway):
        await Relay(pool, topic).once()
    assert await pool.fetchval("select count(*) from set_aside") == 0
    assert await pool.fetchval("select count(*) from outbox") == 1


async def test_where_too_many_fail_nothing_single_is_to_blame_and_all_stay(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "MOST", 2)
    await put(pool, (b"a", BAD), (b"b", BAD), (b"c", BAD), (b"d", b"1"))
    with pytest.raises(Exception, match="no single one"):
        await Relay(pool, Topic()).once()
    assert await pool.fetchval("select count(*) from outbox") == 4


async def test_while_figures_are_published_the_outbox_is_relayed(pool: Any) -> None:
    topic = Topic()
    await put(pool, (b"a", b"1"))
    async with pool.acquire() as con, con.transaction():
        await locks.hold(con, Lock.PUBLICATION)
        assert await Relay(pool, topic).once() == 1


async def test_people_see_what_is_stuck_try_it_again_and_drop_it(
    settings: SharedSettings, pool: Any
) -> None:
    topic = Topic()
    relay = Relay(pool, topic)
    await put(pool, (b"a", BAD), (b"a", b"2"))
    await relay.once()
    await tried_out(relay, pool)
    listed = await buuta(settings, "stuck", "list", "outbox")
    assert all(word in listed.said for word in ("ValueError", "by hand", "behind one of the same key")), (
        listed.said
    )
    assert "2 of outbox" in (await buuta(settings, "stuck", "retry", "outbox")).said
    head = await pool.fetchval("select element from set_aside order by number limit 1")
    assert "is dropped" in (await buuta(settings, "stuck", "drop", "outbox", head)).said
    await until(lambda: _sent(relay, topic, 1), "what waited behind it is sent")
    gone = await buuta(settings, "stuck", "drop", "outbox", head)
    assert (gone.code, "buuta stuck list" in gone.said) == (1, True)


async def test_what_takes_longer_than_a_transaction_may_comes_again_in_halves(
    settings: SharedSettings, pool: Any
) -> None:
    topic = Topic()

    class Slow(Topic):
        async def send(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
            await asyncio.sleep(0.004 * len(pairs))
            await topic.send(pairs)

    await put(pool, *((b"%d" % place, b"1") for place in range(500)))
    limits = {"idle_in_transaction_session_timeout": "700"}
    async with asyncpg.create_pool(str(settings.database), min_size=0, server_settings=limits) as short:

        async def sent() -> bool:
            return bool(await pool.fetchval("select count(*) = 0 from outbox"))

        async with running(Relay(short, Slow()).run()):
            await until(sent, "all are sent", 60)
    assert {key for key, _ in topic.records} == {b"%d" % place for place in range(500)}


async def test_a_record_that_is_too_large_for_kafka_is_set_aside_and_its_neighbours_are_sent(
    settings: SharedSettings, pool: Any
) -> None:
    async with pool.acquire() as con, con.transaction():
        for key, value in ((b"a", b"1"), (b"b", b"x" * 1_200_000), (b"c", b"1"), (b"b", b"2")):
            await outbox.put(con, settings.notifications_topic, key, value)
    async with producer_on(settings) as producer:
        await Relay(pool, producer).once()
    sent = await everything(settings, settings.notifications_topic, range(settings.partitions))
    assert {(record.key, record.value) for record in sent} == {(b"a", b"1"), (b"c", b"1")}
    listed = await set_aside.listed(pool, "outbox", 10)
    assert [row["reason"] for row in listed] == ["Unsendable", "behind one of the same key"]


async def test_a_spool_takes_what_cannot_be_sent_with_its_neighbours_and_sets_it_aside(pool: Any) -> None:
    topic = Topic()
    spool = Spool(pool, topic.send, 1000)
    topic.away = True
    await spool.put([(b"a", b"1"), (b"b", BAD), (b"c", b"1")])
    topic.away = False
    await spool.drain()
    assert sorted(topic.records) == [(b"a", b"1"), (b"c", b"1")]
    assert [row["element"] for row in await set_aside.listed(pool, "spool", 10)] != []
    assert await pool.fetchval("select count(*) from spool") == 0


async def test_what_is_due_again_is_only_the_first_of_its_key(pool: Any) -> None:
    asides = [Aside("1", 1, "t", b"k", b""), Aside("2", 2, "t", b"k", b""), Aside("3", 3, "t", b"l", b"")]
    await set_aside.follow(pool, "x", asides)
    assert [each.element for each in await set_aside.due(pool, "x")] == ["1", "3"]


def sources() -> list[Path]:
    return [path for folder in ("buuta", "services") for path in (ROOT / folder).rglob("*.py")]


def test_every_advisory_lock_comes_from_the_one_table_of_numbers() -> None:
    users = [path.name for path in sources() if "pg_" in (text := path.read_text()) and "advisory" in text]
    assert users == ["locks.py"]
    assert len({int(lock) for lock in Lock}) == len(Lock.__members__)


ENDLESS = {
    ("background.py", "run_forever"): "the helper",
    ("background.py", "until_done"): "the helper",
    ("patience.py", "until_reached"): "a chunk's own patience: it ends when the chunk is applied",
    ("kafka.py", "_consume"): "a turn of the Kafka door's loop: it ends by what is raised",
    ("kafka.py", "_patiently"): "a lane's own patience: it ends when its records are taken in",
    ("fencing.py", "raise_fences"): "a take-over's own patience: it ends when the fences are raised",
    ("capture.py", "_written"): "as often as a bag is changed meanwhile, and then it is locked",
    ("deadlines.py", "sweep"): "page after page of what is put off, and there is an end of it",
    ("bounded.py", "_ask"): "asks until PostgreSQL answers; whatever is raised meanwhile is no answer",
    ("migrate.py", "migrate"): "a start's own patience: it ends when the other process has migrated",
    ("migrate.py", "_apply_patiently"): "a migration's own patience, for so many seconds",
    ("sms.py", "dequeue"): "takes the next piece that somebody waits for",
    ("live.py", "changes"): "what a page reads; it ends with its connection",
    ("stack.py", "ready"): "the demo waits until a service is up, for so many seconds",
    ("reconcile.py", "settle"): "the demo waits until all is quiet, for so many seconds",
    ("watch.py", "run"): "the demo's watch, which ends with the demo, or ends it",
    ("run.py", "_show"): "the demo's picture, which ends with the demo",
    ("play.py", "run"): "the demo's day, which ends when it is stopped",
    (
        "play.py",
        "_in_the_log",
    ): "the demo waits for the relay; anything but PostgreSQL's being away ends it",
}


def test_no_loop_is_written_by_hand() -> None:
    """An endless loop, or a task that nobody guards, ends with the first error that its author did not think of.

    What waits between turns, whatever its condition, is one: how often it turns is up to others.
    """
    found = {
        (path.name, function.name)
        for path in sources()
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.AsyncFunctionDef) and _is_endless(function)
    }
    assert found == ENDLESS.keys(), "use run_forever"


@pytest.mark.parametrize(
    ("loop", "endless"),
    [
        ("while True:\n  await step()", True),
        (
            "while vault.is_locked:\n  try:\n   await unlock()\n  except Exception:\n   await asyncio.sleep(1)",
            True,
        ),
        ("while not await answers():\n  await asyncio.sleep(1)", True),
        ("while not await answers():\n  await sleep(1)", True),
        ("while not stop.is_set():\n  await step()", True),
        ("while page := await read():\n  await keep(page)", False),
    ],
)
def test_loops_that_wait_between_turns_are_seen(loop: str, *, endless: bool) -> None:
    [function] = ast.parse(f"async def f():\n {loop}").body
    assert isinstance(function, ast.AsyncFunctionDef)
    assert _is_endless(function) is endless


def _is_endless(function: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(node, ast.While)
        and (
            isinstance(node.test, ast.Constant)
            or "Event" in ast.dump(node.test)
            or "is_set" in ast.dump(node)
            or any(map(_sleeps, ast.walk(node)))
        )
        for node in ast.walk(function)
    )


def _sleeps(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "sleep"


async def test_a_probe_that_fails_by_whatever_error_asks_on_until_postgresql_answers(
    settings: SharedSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it to end, PostgreSQL would be taken for silent as long as the process lives."""
    connect, raises = asyncpg.connect, [ValueError("what nobody thought of"), OSError()]

    async def tripping(*given: Any, **more: Any) -> Any:
        if raises:
            raise raises.pop()
        return await connect(*given, **more)

    monkeypatch.setattr(asyncpg, "connect", tripping)
    silence = Silence(str(settings.database))
    silence.doubt()

    async def over() -> bool:
        return not raises and not silence.lasts

    await until(over, "PostgreSQL answers", 30)
