"""Claiming messages costs the same whatever waits: the front of an index is read, and the heads of lanes."""

import json
from typing import Any

from services.notifier import lanes, storage, tries
from services.notifier.lanes import BUSINESS_ORDER, claim, free, heads

WAITING = """
insert into messages (message_id, parcel_key, kind, ordinal, channel, recipient_hash, registration_id, milestone,
  happened_at, state, due_at, lease_owner, lease_until)
select gen_random_uuid(), 'ghn:P' || n / 4,
  (array['accepted', 'held', 'out_for_delivery', 'delivered'])[n % 4 + 1], 1,
  case when n / 4 % 3 = 0 then 'email' else 'sms' end, '\\x', gen_random_uuid(), '{"event_id": "e", "sequence": 1}',
  1795480000000 + n, case when n % 1000 = 1 then 'submitting' else 'queued' end,
  now() - interval '1 day' + n * interval '0.05 second', case when n % 1000 = 1 then 'dead' end,
  case when n % 1000 = 1 then now() + interval '1 minute' end
from generate_series(1, $1::int) as n
"""
LANES = """
insert into message_lanes (parcel_key, channel, recipient_hash, due_at)
select parcel_key, channel, recipient_hash, min(due_at) from messages group by 1, 2, 3
"""
PARCELS = """
insert into parcels (parcel_key, slot, status, attempts, live, sequence)
select distinct parcel_key, 0, 'in_transit', 0, '', 1 from messages
"""
MOST = 16


async def explained(con: Any, statement: str, *arguments: Any) -> list[dict[str, Any]]:
    """The parts of a plan that read a table, as it was carried out and rolled back."""
    change = con.transaction()
    await change.start()
    [[plan]] = await con.fetch(f"explain (analyze, buffers, format json) {statement}", *arguments)
    await change.rollback()
    return leaves(json.loads(plan)[0]["Plan"])


def leaves(plan: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [leaf for each in plan.get("Plans", ()) for leaf in leaves(each)]
    return (
        [plan, *inner] if plan.get("Relation Name") in ("messages", "message_lanes", "parcels") else inner
    )


def rows_read(parts: list[dict[str, Any]]) -> float:
    """What was read of tables, whether it was then used or not."""
    return float(
        sum(
            each["Actual Loops"] * (each["Actual Rows"] + each.get("Rows Removed by Filter", 0))
            for each in parts
            if each["Node Type"] != "ModifyTable"
        )
    )


async def waiting(con: Any, count: int) -> None:
    await con.execute(WAITING, count, timeout=120)
    await con.execute(LANES, timeout=120)
    await con.execute(PARCELS, timeout=120)
    await con.execute("analyze messages, message_lanes, parcels")


async def test_a_claim_reads_the_front_of_an_index_and_the_heads_of_its_lanes_whatever_waits(
    pool: Any,
) -> None:
    async with pool.acquire() as con:
        await waiting(con, 200_000)
        parts = await explained(con, lanes.CLAIM, "sms", MOST, 30)
        assert parts
        assert not [each for each in parts if each["Node Type"] == "Seq Scan"]
        assert rows_read(parts) < 20 * MOST, "of 33,000 lanes"
        claimed = await claim(con, "sms", MOST)
        keys, people = [each.parcel_key for each in claimed], [each.recipient_hash for each in claimed]
        parts = await explained(con, lanes.HEADS, "sms", keys, people, BUSINESS_ORDER)
        assert not [each for each in parts if each["Node Type"] == "Seq Scan"]
        assert rows_read(parts) < 20 * MOST, "of 200,000 messages"


async def test_who_waits_longest_is_claimed_first_and_of_each_lane_what_happened_first(pool: Any) -> None:
    async with pool.acquire() as con:
        await waiting(con, 4_000)
        await con.execute(
            "update message_lanes set due_at = now() - interval '2 days' where parcel_key = 'ghn:P500'"
        )
        claimed = await claim(con, "sms", MOST)
        assert "ghn:P500" in {each.parcel_key for each in claimed}
        assert sorted(each.parcel_key for each in await heads(con, claimed)) == sorted(
            each.parcel_key for each in claimed
        )
        assert {each.kind for each in await heads(con, claimed) if each.parcel_key == "ghn:P500"} == {
            "accepted"
        }
        others = await claim(con, "sms", MOST)
        assert not {each.parcel_key for each in others} & {each.parcel_key for each in claimed}


async def test_a_lease_that_has_run_out_is_claimed_anew_and_its_holder_frees_nothing(pool: Any) -> None:
    await pool.execute(WAITING, 8)
    await pool.execute(LANES)
    [first] = await claim(pool, "sms", 1)
    await pool.execute(
        "update message_lanes set due_at = now() - interval '2 days' where lease is not null"
    )
    [second] = await claim(pool, "sms", 1)
    assert second.parcel_key == first.parcel_key
    await free(pool, first, is_last=True)
    assert await pool.fetchval("select count(*) from message_lanes where lease = $1", second.lease) == 1


async def test_nothing_is_claimed_while_the_switch_is_off(pool: Any) -> None:
    await pool.execute(WAITING, 8)
    await pool.execute(LANES)
    await pool.execute("update switches set value = false")
    assert await claim(pool, "sms", 3) == []


async def test_messages_of_an_older_notifier_are_given_lanes_once_nobody_has_them(pool: Any) -> None:
    await pool.execute(WAITING, 12)
    await pool.execute(
        "update messages set happened_at = null, milestone = milestone || '{\"occurred_at\": 5}', "
        "state = case kind when 'held' then 'claimed' else 'queued' end, lease_until = now() + interval '1 minute'"
    )
    assert not await lanes.adopt(pool)
    assert await pool.fetchval("select count(*) from message_lanes") > 0
    assert await pool.fetchval("select count(*) from messages where happened_at is null") == 3, (
        "which others hold"
    )
    await pool.execute("update messages set lease_until = now() - interval '1 minute'")
    await lanes.adopt(pool)
    states = await pool.fetch("select distinct state, happened_at from messages")
    assert [tuple(row) for row in states] == [("queued", 5)]


async def test_what_is_called_for_taken_back_or_in_doubt_is_found_by_an_index(pool: Any) -> None:
    async with pool.acquire() as con:
        await waiting(con, 150_000)
        some = "00000000-0000-0000-0000-000000000001"
        row = (some, "ghn:P7", 1, "delivered", 2, "sms", b"", [some], "{}", True, 1)
        join = ("ghn:P7", 1, "delivered", 1, "sms", b"", some)
        amended = ("ghn:P7", 1, "delivered", 1, 5, "{}", 1)
        for statement, arguments in (
            (storage.WITHDRAW, ("ghn:P7", 1, "delivered", 1, 5)), (storage.QUEUE, row),
            (storage.AMEND, amended), (tries.LEFT, (tries.LEFT_AT_ONCE,)), (storage.JOIN_IN, join),
            (lanes.CALL, ([some],)), (lanes.HOLD, (["ghn:P7"],)), (lanes.ADOPT, (lanes.ADOPT_AT_ONCE,)),
        ):  # fmt: skip
            parts = await explained(con, statement, *arguments)
            assert parts
            assert not [each for each in parts if each["Node Type"] == "Seq Scan"], statement
