"""Before each try of a message: still true, still news, not overtaken; and a provider's state is no attempt."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from buuta.contracts.codec import Codec
from buuta.settings import SharedSettings
from buuta.storage import contacts
from buuta.storage.contacts import Contact
from buuta.storage.vault import Vault
from services.notifier import lanes, tries
from services.notifier.channels.channel import Letter, Submission
from services.notifier.domain.rules import HOUR_MS
from services.notifier.domain.states import Fate
from tests.integration.test_notifier import (  # noqa: F401 - a fixture
    HAPPENED,
    LAN,
    REGISTRATION,
    FakeChannel,
    due_now,
    letters,
    milestone,
    plan,
    sender,
    vault,
)
from tests.waiting import until

PARCEL = """
insert into parcels (parcel_key, slot, status, last_at, attempts, live, sequence)
values ('ghn:Z82BS', 0, $1, $2, 0, '', 9)
"""


async def by_kind(pool: Any) -> dict[str, str]:
    rows = await pool.fetch("select kind, state from messages where channel = 'sms'")
    return {row["kind"]: row["state"] for row in rows}


def batch() -> list[Any]:
    """What an hourly upload tells of a parcel, all at once."""
    kinds = ("accepted", "out_for_delivery", "attempt_failed", "delivered")
    return [
        milestone(kind, sequence=place + 1, occurred_at=HAPPENED - (4 - place) * 60_000)
        for place, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize("turned", [False, True])
async def test_of_what_comes_in_one_batch_only_what_stands_is_told(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
    turned: bool,  # noqa: FBT001
) -> None:
    records = [
        each._replace(sequence=place + 1) for place, each in enumerate(batch()[:: -1 if turned else 1])
    ]
    await plan(pool, vault, *records)
    assert await letters(pool, vault, settings) == [LAN.phone]
    ended = {"accepted": "overtaken", "out_for_delivery": "overtaken", "attempt_failed": "overtaken"}
    assert await by_kind(pool) == ended | {"delivered": "sent"}
    values = [row["value"] for row in await pool.fetch("select value from outbox order by id")]
    outcomes = [Codec().decode(value)[1] for value in values]
    assert [(each["fate"], each["unsent"], each["attempts"]) for each in outcomes] == [
        ("failed", "overtaken", 0), ("failed", "overtaken", 0), ("failed", "overtaken", 0), ("sent", None, 1),
    ]  # fmt: skip


async def test_what_is_known_of_the_parcel_overtakes_before_anybody_is_told_of_it(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    await plan(pool, vault, milestone("out_for_delivery", occurred_at=HAPPENED - 60_000))
    await pool.execute(PARCEL, "delivered", HAPPENED)
    assert await letters(pool, vault, settings) == []
    assert await by_kind(pool) == {"out_for_delivery": "overtaken"}


async def test_what_comes_late_into_the_log_does_not_follow_what_was_told(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    out, delivered = batch()[1], batch()[3]
    await plan(pool, vault, delivered._replace(sequence=1))
    assert len(await letters(pool, vault, settings)) == 1
    await plan(pool, vault, out._replace(sequence=2))
    assert await letters(pool, vault, settings) == []


async def test_what_is_no_news_any_more_when_its_turn_comes_is_not_told(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    old = HAPPENED - 11 * HOUR_MS
    await plan(pool, vault, milestone("out_for_delivery", occurred_at=old), told_at=old)
    await plan(pool, vault, milestone("attempt_failed", number="OTHER", occurred_at=old), told_at=old)
    assert await letters(pool, vault, settings) == [LAN.phone]
    assert await by_kind(pool) == {"out_for_delivery": "expired", "attempt_failed": "sent"}


async def test_what_is_amended_before_it_left_tells_what_is_known_now(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    await plan(pool, vault, milestone(delivery_mode="unknown"))
    await plan(
        pool, vault, milestone(delivery_mode="locker", action="amended", sequence=2, registration_id=None)
    )
    await plan(pool, vault, milestone(delivery_mode="point", action="amended", sequence=1))
    channel = FakeChannel()
    await sender(pool, vault, channel, settings).once()
    assert ["tủ" in each.words.sentence for each in channel.letters] == [True]


class Meanwhile(FakeChannel):
    """A provider that takes its time, in which something happens."""

    def __init__(self, happens: Any, *answers: Submission) -> None:
        super().__init__(*answers)
        self._happens = happens

    async def submit(self, letter: Letter) -> Submission:
        await self._happens()
        return await super().submit(letter)


@pytest.mark.parametrize("fate", [Fate.TRY_AGAIN, Fate.AWAY])
async def test_what_is_taken_back_while_a_provider_has_it_is_not_tried_again(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
    fate: Fate,
) -> None:
    await plan(pool, vault, milestone())

    async def taken_back() -> None:
        await plan(pool, vault, milestone(action="retracted", sequence=2))

    await sender(pool, vault, Meanwhile(taken_back, Submission(fate, "busy")), settings).once()
    await due_now(pool)
    assert await letters(pool, vault, settings) == []
    assert await by_kind(pool) == {"delivered": "withdrawn"}


async def test_nothing_is_submitted_as_it_was_read_once_more_is_known(pool: Any, vault: Vault) -> None:  # noqa: F811
    """What is called for, amended or taken back between the look and the try."""
    out, delivered = batch()[1], batch()[3]
    await plan(pool, vault, out)
    [read] = await lanes.heads(pool, await lanes.claim(pool, "sms", 1))
    await plan(pool, vault, delivered)
    assert await tries.submitting(pool, read, out.sequence) is None
    await lanes.free(pool, read.lane)
    [again] = await lanes.heads(pool, await lanes.claim(pool, "sms", 1))
    assert again.standing.overtakes(again.kind, again.happened_at), "the lane was due at once"
    await plan(pool, vault, out._replace(action="amended", sequence=9))
    assert await tries.submitting(pool, again, out.sequence) is None


async def test_after_a_change_of_the_recipient_the_new_one_hears_once_and_the_old_one_no_more(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    await plan(pool, vault, milestone("out_for_delivery"))
    channel = FakeChannel(Submission(Fate.TRY_AGAIN, "busy"))
    await sender(pool, vault, channel, settings).once()
    async with pool.acquire() as con, con.transaction():
        new = Contact("+84900000003", None, "vi")
        person, sealed = await contacts.store(con, vault, "shop", REGISTRATION, new)
        await con.execute("update registrations set person_hash = $1, contacts = $2", person, sealed)
    await plan(pool, vault, milestone("out_for_delivery", action="retold", sequence=2))
    await plan(pool, vault, milestone("out_for_delivery", sequence=1))
    await due_now(pool)
    assert await letters(pool, vault, settings) == ["+84900000003"]
    rows = await pool.fetch("select state from messages where channel = 'sms' order by created_at")
    assert [row["state"] for row in rows] == ["withdrawn", "sent"]


async def test_a_provider_that_is_away_costs_no_attempt_and_is_asked_for_by_one_message_at_a_time(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    for place in range(5):
        await plan(pool, vault, milestone(number=f"N{place}", event_id=f"{place}"))
    away = [Submission(Fate.AWAY, "SMTPConnectError")] * 30
    channel = FakeChannel(*away)
    sending = sender(pool, vault, channel, settings)
    assert await sending.once() == 5
    for _ in range(12):
        await due_now(pool)
        assert await sending.once() == 1, "one asks, whether they are back"
    assert gauge() == 1
    rows = await pool.fetch("select state, attempts from messages where channel = 'sms'")
    assert {tuple(row) for row in rows} == {("queued", 0)}
    channel.answers.clear()
    await due_now(pool)
    assert await sending.once() == 1
    await due_now(pool)
    assert await sending.once() == 4
    assert await pool.fetchval("select count(*) from messages where state = 'sent' and attempts = 1") == 5


def gauge() -> float | None:
    return REGISTRY.get_sample_value("buuta_notifier_channel_waiting", {"channel": "sms"})


async def test_what_a_channel_was_away_for_too_long_for_ends_as_expired(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    await plan(pool, vault, milestone("out_for_delivery"))
    channel = FakeChannel(Submission(Fate.AWAY, "SMTPConnectError"))
    sending = sender(pool, vault, channel, settings)
    await sending.once()
    await pool.execute("update messages set happened_at = happened_at - $1::bigint", 11 * HOUR_MS)
    await due_now(pool)
    await sending.once()
    assert await by_kind(pool) == {"out_for_delivery": "expired"}


class Gate(FakeChannel):
    """A provider that answers for one parcel only once the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.opens = asyncio.Event()

    async def submit(self, letter: Letter) -> Submission:
        if "SLOW" in letter.words.page:
            await self.opens.wait()
        return await super().submit(letter)


async def sent(pool: Any) -> int:
    count: int = await pool.fetchval(
        "select count(*) from messages where channel = 'sms' and state = 'sent'"
    )
    return count


async def test_what_is_slow_holds_up_its_own_parcel_and_nothing_else(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    await plan(pool, vault, milestone(number="SLOW"), milestone("damaged", number="SLOW", sequence=2))
    channel = Gate()
    sending = sender(pool, vault, channel, settings)
    running = asyncio.create_task(sending.run())
    for place in range(20):
        await plan(pool, vault, milestone(number=f"N{place}", event_id=f"{place}"))

    async def others_are_told() -> bool:
        return await sent(pool) == 20

    await until(others_are_told, "twenty go by sixteen slots, of which one waits")
    assert not any("SLOW" in each.words.page for each in channel.letters)
    channel.opens.set()

    async def all_are_told() -> bool:
        return await sent(pool) == 22

    await until(all_are_told, "the slow one and what waited behind it")
    running.cancel()


async def test_a_clean_stop_waits_for_answers_and_gives_back_what_was_only_claimed(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    for number in ("SLOW", "N1", "N2"):
        await plan(pool, vault, milestone(number=number, event_id=number))
    channel = Gate()
    sending = sender(pool, vault, channel, settings)
    await sending.begin()

    async def others_are_told() -> bool:
        return await sent(pool) == 2

    await until(others_are_told, "two are told")
    await plan(pool, vault, milestone(number="N3", event_id="N3"))
    draining = asyncio.create_task(sending.drain())
    await asyncio.wait([draining], timeout=0.1)
    assert not draining.done()
    assert await sending.begin() == 0, "nothing is claimed any more"
    channel.opens.set()
    await draining
    rows = await pool.fetch("select parcel_key, state from messages where channel = 'sms' order by 1")
    assert {row["parcel_key"]: row["state"] for row in rows} == {
        "ghn:N1": "sent", "ghn:N2": "sent", "ghn:N3": "queued", "ghn:SLOW": "sent",
    }  # fmt: skip
    assert (
        await pool.fetchval(
            "select count(*) from message_lanes where channel = 'sms' and lease is not null"
        )
        == 0
    )
    assert len(await letters(pool, vault, settings)) == 1, "another goes on at once"


async def test_what_was_claimed_and_not_begun_when_the_stop_comes_is_given_back(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811
) -> None:
    for number in ("N1", "N2"):
        await plan(pool, vault, milestone(number=number, event_id=number))
    channel = FakeChannel()
    sending = sender(pool, vault, channel, settings)
    beginning = asyncio.create_task(sending.begin())
    await sending.drain()
    await beginning
    told = len(channel.letters)
    rows = await pool.fetch("select state, attempts from messages where channel = 'sms'")
    assert sorted(tuple(row) for row in rows) == sorted([("sent", 1)] * told + [("queued", 0)] * (2 - told))
    assert len(await letters(pool, vault, settings)) == 2 - told
