"""Claiming messages costs the same whatever waits: the front of an index is read, and no more."""

import json
from typing import Any

from services.notifier import storage
from services.notifier.storage import claim

WAITING = """
insert into messages (message_id, parcel_key, kind, ordinal, channel, recipient_hash, registration_id, milestone,
  state, due_at, lease_owner, lease_until)
select gen_random_uuid(), 'ghn:P' || n, 'delivered', 1, case when n % 3 = 0 then 'email' else 'sms' end, '',
  gen_random_uuid(), '{"event_id": "e", "sequence": 1}',
  case n % 1000 when 0 then 'claimed' when 1 then 'submitting' else 'queued' end,
  now() - interval '1 day' + n * interval '0.5 second', case when n % 1000 < 2 then 'dead' end,
  case n % 1000 when 0 then now() - interval '1 minute' when 1 then now() + interval '1 minute' end
from generate_series(1, $1::int) as n
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
    return [plan, *inner] if plan.get("Relation Name") == "messages" and not inner else inner


async def test_a_claim_reads_the_front_of_an_index_whatever_waits(pool: Any) -> None:
    async with pool.acquire() as con:
        await con.execute(WAITING, 150_000, timeout=120)
        await con.execute("analyze messages")
        parts = await explained(con, storage.CLAIM, "me", "sms", 30, MOST)
        assert not [each for each in parts if each["Node Type"] == "Seq Scan"]
        read = sum(each["Actual Rows"] * each["Actual Loops"] for each in parts)
        removed = sum(each.get("Rows Removed by Filter", 0) for each in parts)
        assert read + removed < 400, "of 100,000; a hundred claims lapsed"
        # The first of a thousand that is a claim that lapsed, and the first in the queue: whoever is due longest.
        claimed = await claim(con, "me", "sms", MOST)
        waits = sorted((each.waited for each in claimed), reverse=True)
        longest = await con.fetch(
            "select extract(epoch from now() - due_at)::float8 from messages where channel = 'sms'"
            " and lease_owner is distinct from 'dead' order by due_at limit $1", MOST,
        )  # fmt: skip
        assert len(claimed) == MOST
        assert abs(waits[-1] - longest[-1][0]) < 5


async def test_what_is_called_for_taken_back_or_in_doubt_is_found_by_an_index(pool: Any) -> None:
    async with pool.acquire() as con:
        await con.execute(WAITING, 150_000, timeout=120)
        await con.execute("analyze messages")
        some = "00000000-0000-0000-0000-000000000001"
        row = (some, "ghn:P7", 1, "delivered", 2, "sms", b"", [some], "{}", True)
        join = ("ghn:P7", 1, "delivered", 1, "sms", b"", some)
        for statement, arguments in (
            (storage.WITHDRAW, ("ghn:P7", 1, "delivered", 1, 5)), (storage.QUEUE, row),
            (storage.LEFT, (storage.LEFT_AT_ONCE,)), (storage.JOIN_IN, join),
        ):  # fmt: skip
            parts = await explained(con, statement, *arguments)
            assert parts
            assert not [each for each in parts if each["Node Type"] == "Seq Scan"], statement


async def test_claims_that_lapsed_and_what_is_queued_are_one_queue_by_when_they_were_due(pool: Any) -> None:
    await pool.execute(WAITING, 3_000)
    # A claim that lapsed and was due before all of the queue, and one that was due after them.
    await pool.execute(
        "update messages set due_at = now() - interval '2 days' where parcel_key = 'ghn:P1000' and channel = 'sms'"
    )
    await pool.execute("update messages set due_at = now() where parcel_key = 'ghn:P2000'")
    first = await claim(pool, "me", "sms", 3)
    assert "ghn:P1000" in {each.parcel_key for each in first}
    rest = {each.parcel_key for each in await claim(pool, "other", "sms", 3)}
    assert "ghn:P2000" not in rest
    assert not rest & {each.parcel_key for each in first}
    await pool.execute("update switches set value = false")
    assert await claim(pool, "me", "sms", 3) == []
