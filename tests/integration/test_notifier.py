"""Messages, on a real SMSC, a real mail server and the real database."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import smpp34
from aiosmpplib import ESME
from aiosmtpd.controller import Controller

from buuta.contracts.codec import Codec
from buuta.contracts.columns import decode_chunk
from buuta.demo.sinks import MailSink, SmsSink
from buuta.embedded.processes import free_port
from buuta.errors import BadItem
from buuta.model.milestone import ParcelMilestone
from buuta.settings import SharedSettings
from buuta.storage import contacts
from buuta.storage.contacts import Contact
from buuta.storage.faults import is_bad_data
from buuta.storage.vault import Vault, read_master_key
from buuta.streaming.chunk import Chunk
from buuta.telemetry.clock import now_ms
from buuta.wording.messages import Words
from services.notifier import lanes, storage, tries
from services.notifier.channels.channel import Letter, Submission
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.sms import SmsChannel
from services.notifier.chunks import ChunkPlan
from services.notifier.domain.states import Fate
from services.notifier.office import Office
from services.notifier.sender import Sender
from services.notifier.settings import NotifierSettings
from services.portal.storage import add_shipper
from tests.integration.command import buuta
from tests.integration.parts import FakeRecord, standing
from tests.waiting import until

LAN = Contact("+84912345678", "lan@example.vn", "vi")
REGISTRATION = uuid.uuid4()
HAPPENED = now_ms() - 60_000
"""A minute ago: long enough for the state to be known, and news."""
RTHROTTLED, RINVDSTADR = 0x58, 0x0B
"""SMPP 3.4, 5.1.3."""


def milestone(kind: str = "delivered", **more: Any) -> ParcelMilestone:
    fields: dict[str, Any] = {
        "milestone_id": "ghn:Z82BS#1", "carrier": "ghn", "number": "Z82BS", "sequence": 1, "action": "joined",
        "kind": kind, "ordinal": 1, "status": kind, "reason": None, "delivery_mode": None,
        "occurred_at": HAPPENED, "offset_minutes": 420, "facility": None, "province": None, "commune": None,
        "event_id": "e", "epoch": 1, "registration_id": str(REGISTRATION), "promised_at": None,
    }  # fmt: skip
    return ParcelMilestone(**fields | more)


class FakeChannel:
    """A provider that answers as told; the real ones pass the same tests below."""

    name = "sms"
    waits_for = None

    def __init__(self, *answers: Submission) -> None:
        self.answers = list(answers)
        self.letters: list[Letter] = []

    async def submit(self, letter: Letter) -> Submission:
        self.letters.append(letter)
        return self.answers.pop(0) if self.answers else Submission(Fate.ACCEPTED, "0")


class Steps(Sender):
    """A sender that takes one step at a time."""

    async def once(self) -> int:
        """Begin what there is room for and see it to its end; returns how many messages it was."""
        begun = await self.begin()
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self.look()
        self._raise_faults()
        return begun


@pytest.fixture
async def vault(settings: SharedSettings, pool: Any) -> Vault:
    """The vault, with Lan's registration in it."""
    made = Vault(read_master_key(settings.master_key))
    await add_shipper(pool, "shop", "Shop")
    async with pool.acquire() as con, con.transaction():
        person, sealed = await contacts.store(con, made, "shop", REGISTRATION, LAN)
        await con.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, person_hash,"
            " contacts, language) values ($1, 'shop', 'ghn', 'Z82BS', 1, $2, $3, 'vi')",
            REGISTRATION, person, sealed,
        )  # fmt: skip
    return made


FAR = 4_102_444_800_000
"""The year 2100: a clock by which nothing of the tests lies in the future."""


async def plan(
    pool: Any,
    vault: Vault,
    *records: ParcelMilestone,
    told_at: int = HAPPENED,
    now: int = FAR,
    **limits: Any,
) -> None:
    values = [Codec().encode("ParcelMilestone", record._asdict()) for record in records]
    chunk = Chunk(
        "milestones",
        0,
        0,
        len(values),
        [FakeRecord(at, value, timestamp=told_at) for at, value in enumerate(values)],
    )
    async with pool.acquire() as con, con.transaction():
        planned = await ChunkPlan(vault, NotifierSettings(**limits), standing(now)).prepare(
            con, chunk, decode_chunk(Codec(), values)
        )
        await planned.write(con)


def sender(pool: Any, vault: Vault, channel: Any, settings: SharedSettings) -> Steps:
    own = NotifierSettings(**settings.model_dump())
    return Steps(Office(pool, vault, Codec(), own), channel)


async def due_now(pool: Any) -> None:
    """Let every pause be over."""
    await pool.execute("update messages set due_at = now() where state = 'queued'")
    await pool.execute("update message_lanes set due_at = now(), lease = null")


async def states(pool: Any, channel: str = "sms") -> list[str]:
    rows = await pool.fetch("select state from messages where channel = $1 order by created_at", channel)
    return [row["state"] for row in rows]


async def test_one_message_per_parcel_meaning_recipient_and_channel(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone(), milestone(action="retold", sequence=2), milestone())
    await plan(pool, vault, milestone(sequence=3))
    rows = await pool.fetch("select channel, state from messages order by channel")
    assert [tuple(row) for row in rows] == [("email", "queued"), ("sms", "queued")]
    assert "912345678" not in repr([dict(row) for row in await pool.fetch("select * from messages")])


async def test_who_is_not_registered_is_not_told_nor_is_every_kind(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(
        pool, vault, milestone(registration_id=None), milestone("in_transit"), milestone(action="amended")
    )
    assert await states(pool) == []


async def registered(pool: Any, vault: Vault, shop: str, contact: Contact) -> uuid.UUID:
    """A registration of the same parcel by another shop."""
    await add_shipper(pool, shop, shop)
    made = uuid.uuid4()
    async with pool.acquire() as con, con.transaction():
        person, sealed = await contacts.store(con, vault, shop, made, contact)
        await con.execute(
            "insert into registrations (registration_id, shipper, carrier, number, version, person_hash,"
            " contacts, language) values ($1, $2, 'ghn', 'Z82BS', 1, $3, $4, 'vi')",
            made, shop, person, sealed,
        )  # fmt: skip
    return made


async def letters(pool: Any, vault: Vault, settings: SharedSettings) -> list[str]:
    """Where all that waits is sent."""
    channel = FakeChannel()
    while await sender(pool, vault, channel, settings).once():
        pass
    return sorted(letter.address for letter in channel.letters)


async def test_each_recipient_hears_by_their_own_registration_and_one_whom_two_shops_register_hears_once(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    other = await registered(pool, vault, "other", Contact("+84900000002", None, "vi"))
    same = await registered(pool, vault, "same", Contact(LAN.phone, None, "en"))
    await plan(pool, vault, milestone(also_registered=[str(other), str(same)]))
    assert await letters(pool, vault, settings) == ["+84900000002", LAN.phone]


@pytest.mark.parametrize("late", [False, True])
async def test_a_withdrawal_silences_no_other_shops_recipient_even_if_it_is_the_same_person(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,
    late: bool,  # noqa: FBT001
) -> None:
    same = await registered(pool, vault, "same", Contact(LAN.phone, None, "en"))
    await plan(pool, vault, milestone(also_registered=[] if late else [str(same)]))
    if late:
        await plan(pool, vault, milestone(action="retold", sequence=2, registration_id=str(same)))
    await pool.execute("update registrations set contacts = null where shipper = 'shop'")
    assert await letters(pool, vault, settings) == [LAN.phone]


async def test_an_address_that_nobody_names_any_more_is_not_told(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone())
    async with pool.acquire() as con, con.transaction():
        person, sealed = await contacts.store(
            con, vault, "shop", REGISTRATION, Contact("+84900000003", None, "vi")
        )
        await con.execute("update registrations set person_hash = $1, contacts = $2", person, sealed)
    assert await letters(pool, vault, settings) == []
    await plan(pool, vault, milestone(action="retold", sequence=2))
    assert await letters(pool, vault, settings) == ["+84900000003"]


def news(count: int, **more: Any) -> list[ParcelMilestone]:
    """Failed attempts, each worth a message."""
    return [
        milestone("attempt_failed", ordinal=each + 1, sequence=each + 1, **more) for each in range(count)
    ]


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("recipient_messages_per_hour", "recipient_hour"), ("recipient_messages_per_day", "recipient_day"),
        ("parcel_messages_per_day", "parcel_day"), ("shipper_messages_per_hour", "shipper_hour"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 4, 20])
async def test_what_is_too_much_for_recipient_parcel_or_shipper_is_held_back_and_kept(
    pool: Any, vault: Vault, limit: str, reason: str, size: int
) -> None:
    phone = await registered(pool, vault, "loud", Contact("+84900000009", None, "vi"))
    records = news(20, registration_id=str(phone))
    for start in range(0, 20, size):
        for _ in range(2):
            await plan(pool, vault, *records[start : start + size], **{limit: 3})
    rows = await pool.fetch("select ordinal, state, provider_code from messages order by ordinal")
    assert [row["state"] for row in rows] == ["queued"] * 3 + ["held"] * 17
    assert {row["provider_code"] for row in rows if row["state"] == "held"} == {reason}


@pytest.mark.parametrize("limit", ["parcel_messages_per_day", "shipper_messages_per_hour"])
async def test_what_one_shop_calls_for_holds_back_nothing_of_anothers(
    settings: SharedSettings, pool: Any, vault: Vault, limit: str
) -> None:
    """Nor what both call for, which counts for both."""
    loud = str(await registered(pool, vault, "loud", Contact(LAN.phone, None, "vi")))
    for part in range(5):
        await plan(pool, vault, *news(5, registration_id=loud)[part : part + 1], **{limit: 3})
    assert await states(pool) == ["queued"] * 3 + ["held"] * 2
    both = {"registration_id": loud, "also_registered": [str(REGISTRATION)]}
    await plan(pool, vault, milestone("held", sequence=6, **both), **{limit: 3})
    await plan(pool, vault, milestone(sequence=7), **{limit: 3})
    assert await states(pool) == ["queued"] * 3 + ["held"] * 2 + ["queued"] * 2


async def test_an_operator_sees_what_is_held_back_and_lets_it_go(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, *news(3), recipient_messages_per_hour=2)
    assert len(await letters(pool, vault, settings)) == 2
    assert "attempt_failed 3" in (await buuta(settings, "messages", "held")).said
    assert (await buuta(settings, "messages", "release")).code != 0, "nothing was named"
    assert "2" in (await buuta(settings, "messages", "release", "--all")).said
    assert len(await letters(pool, vault, settings)) == 1


async def test_partitions_that_tell_the_same_people_do_not_wait_for_each_other_in_a_circle(
    pool: Any, vault: Vault
) -> None:
    other = await registered(pool, vault, "other", Contact("+84900000002", None, "vi"))
    people = (str(REGISTRATION), str(other))

    def records(number: str, order: int) -> list[ParcelMilestone]:
        first, second = people[::order]
        told = [milestone("held", number=number, registration_id=first),
                milestone("held", number=number, action="retracted", sequence=2),
                milestone("lost", number=number, registration_id=second, sequence=3)]  # fmt: skip
        return told

    for each in range(15):
        await asyncio.gather(
            *(
                plan(pool, vault, *records(f"P{each}X{place}", order))
                for place, order in enumerate((1, -1, 1, -1))
            )
        )
    counted = await pool.fetchval(
        "select sum(count) from window_counts where what = 'message_recipient_hour'"
    )
    assert counted == 15 * 4 * 3, "Lan hears twice, by SMS and by e-mail"


async def test_a_cap_is_of_its_window_and_what_is_held_back_can_still_be_taken_back(
    pool: Any, vault: Vault
) -> None:
    first, second, third = news(3)
    hour, now = 3_600_000, first.occurred_at
    await plan(pool, vault, first, second, told_at=now, recipient_messages_per_hour=1)
    assert await states(pool) == ["queued", "held"]
    await plan(pool, vault, third, told_at=now + hour, recipient_messages_per_hour=1)
    assert sorted(await states(pool)) == ["held", "queued", "queued"]
    taken_back = second._replace(action="retracted", sequence=9)
    await plan(pool, vault, taken_back, told_at=now + hour, recipient_messages_per_hour=1)
    assert sorted(await states(pool)) == ["queued", "queued", "withdrawn"]


@pytest.mark.parametrize("limit", ["parcel_messages_per_day", "shipper_messages_per_hour"])
@pytest.mark.parametrize("size", [1, 6])
async def test_what_joins_in_a_message_that_is_held_goes_where_it_is_not_too_much_for_who_calls_for_it_now(
    settings: SharedSettings, pool: Any, vault: Vault, limit: str, size: int
) -> None:
    loud = str(await registered(pool, vault, "loud", Contact(LAN.phone, None, "vi")))
    records = [*news(5, registration_id=loud), news(5)[4]._replace(action="retold", sequence=6)]
    for start in range(0, 6, size):
        await plan(pool, vault, *records[start : start + size], **{limit: 3})
    assert await told(pool) == [(1, "queued"), (2, "queued"), (3, "queued"), (4, "held"), (5, "queued")]
    assert (
        await pool.fetchval(
            "select count(*) from messages where state <> 'held' and provider_code is not null"
        )
        == 0
    )


async def test_what_joins_in_a_message_that_is_held_for_its_recipient_is_held_until_there_is_room_again(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    """In another hour it counts there, so that many who join in do not lift the cap."""
    loud = str(await registered(pool, vault, "loud", Contact(LAN.phone, None, "vi")))
    for each in news(5, registration_id=loud):
        await plan(pool, vault, each, recipient_messages_per_hour=2)
    joins = [each._replace(action="retold", sequence=6 + each.sequence) for each in news(5)[2:]]
    await plan(pool, vault, joins[0], recipient_messages_per_hour=2)
    assert [state for _, state in await told(pool)] == ["queued"] * 2 + ["held"] * 3
    for each in [joins[0], *joins]:
        await plan(pool, vault, each, told_at=HAPPENED + 3_600_000, recipient_messages_per_hour=2)
    assert [state for _, state in await told(pool)] == ["queued"] * 2 + ["held", "queued", "queued"]
    said = (await buuta(settings, "messages", "held")).said
    assert "attempt_failed 3" in said
    assert "attempt_failed 4" not in said


async def told(pool: Any) -> list[tuple[int, str]]:
    rows = await pool.fetch("select ordinal, state from messages where channel = 'sms' order by ordinal")
    return [tuple(row) for row in rows]


async def test_what_somebody_is_told_of_a_parcel_leaves_in_the_order_of_its_milestones(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    """Also what an operator lets go together; and several senders take nothing in between."""
    await plan(pool, vault, *reversed(news(4)), recipient_messages_per_hour=1)
    await plan(pool, vault, milestone("lost", number="OTHER"))
    assert "6" in (await buuta(settings, "messages", "release", "--all")).said, (
        "three by SMS, three by e-mail"
    )
    claimed = await lanes.claim(pool, "sms", 16)
    first = await lanes.heads(pool, claimed)
    assert sorted((each.parcel_key, each.ordinal) for each in first) == [("ghn:OTHER", 1), ("ghn:Z82BS", 1)]
    assert await lanes.claim(pool, "sms", 16) == []
    await due_now(pool)
    channel = FakeChannel()
    for _ in range(4):
        await sender(pool, vault, channel, settings).once()
    order = [letter.message_id for letter in channel.letters if "ghn/Z82BS" in letter.words.page]
    rows = await pool.fetch(
        "select message_id from messages where channel = 'sms' and parcel_key = 'ghn:Z82BS' order by ordinal"
    )
    assert order == [row["message_id"] for row in rows]


async def test_behind_what_is_tried_again_later_waits_what_does_not_overtake_it(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone(), milestone("damaged", sequence=2))
    channel = FakeChannel(Submission(Fate.TRY_AGAIN, "busy"))
    assert [await sender(pool, vault, channel, settings).once() for _ in range(2)] == [1, 0]
    await plan(pool, vault, milestone("held", number="OTHER"))
    assert await sender(pool, vault, channel, settings).once() == 1, "what is of another parcel goes"
    await due_now(pool)
    assert [await sender(pool, vault, channel, settings).once() for _ in range(3)] == [1, 1, 0]
    kinds = await pool.fetch("select kind from messages where channel = 'sms' order by decided_at")
    assert [row["kind"] for row in kinds] == ["held", "delivered", "damaged"]


async def test_what_was_taken_back_before_it_left_does_not_leave(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone(), milestone(action="retracted", sequence=2))
    assert await states(pool) == ["withdrawn"]
    assert await sender(pool, vault, FakeChannel(), settings).once() == 0


async def test_what_holds_again_after_it_was_taken_back_is_told(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    told, taken_back = milestone(), milestone(action="retracted", sequence=2)
    await plan(pool, vault, told, taken_back, told)
    assert await states(pool) == ["withdrawn"], "a copy of an older record calls for nothing"
    await plan(pool, vault, milestone(sequence=3, occurred_at=HAPPENED - 5), taken_back)
    assert await states(pool) == ["queued"]
    channel = FakeChannel()
    assert await sender(pool, vault, channel, settings).once() == 1
    await plan(pool, vault, milestone(action="retracted", sequence=4), milestone(sequence=5))
    assert (await states(pool), len(channel.letters)) == (["sent"], 1)


async def test_what_moves_to_another_epoch_is_told_once_in_all(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    gone: dict[str, Any] = {"action": "retracted", "epoch": 2}
    moved: dict[str, Any] = {"action": "moved", "epoch": 1, "ordinal": 2}
    await plan(pool, vault, milestone(epoch=2), milestone("damaged", epoch=2, event_id="h", sequence=2))
    assert len(await letters(pool, vault, settings)) == 2
    await plan(pool, vault, milestone(sequence=3, **gone), milestone(sequence=4, **moved))
    assert await states(pool) == ["sent", "sent"]
    await plan(pool, vault, milestone(epoch=2, event_id="n", ordinal=2, sequence=5))
    await plan(
        pool, vault, milestone(event_id="n", sequence=6, **gone | {"ordinal": 2}),
        milestone(event_id="n", sequence=7, **moved | {"ordinal": 3}),
    )  # fmt: skip
    assert await states(pool) == ["sent", "sent", "withdrawn", "queued"], "it had not left: now it does"


async def test_a_record_that_names_no_registration_is_bad_data_and_ends_nobody(
    pool: Any, vault: Vault
) -> None:
    with pytest.raises(BadItem, match="UUID") as caught:
        await plan(pool, vault, milestone(registration_id="of the shop"))
    assert is_bad_data(caught.value)


async def test_a_message_is_sent_once_and_its_outcome_reported(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone(delivery_mode="address"))
    channel = FakeChannel()
    sending = sender(pool, vault, channel, settings)
    assert (await sending.once(), await sending.once()) == (1, 0)
    [letter] = channel.letters
    assert (letter.address, "đã giao tại địa chỉ" in letter.words.sentence) == (LAN.phone, True)
    assert letter.words.page.endswith("/t/ghn/Z82BS?lang=vi")
    assert await states(pool) == ["sent"]
    outcome = Codec().decode(await pool.fetchval("select value from outbox"))[1]
    assert (outcome["fate"], outcome["attempts"], outcome["kind"]) == ("sent", 1, "delivered")


async def test_a_temporary_error_is_tried_again_later_and_a_permanent_one_is_final(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone())
    await plan(pool, vault, milestone(number="OTHER"))
    channel = FakeChannel(
        Submission(Fate.TRY_AGAIN, "ESME_RTHROTTLED"), Submission(Fate.REFUSED, "ESME_RINVDSTADR")
    )
    sending = sender(pool, vault, channel, settings)
    assert await sending.once() == 2
    assert sorted(await states(pool)) == ["failed", "queued"]
    assert await sending.once() == 0, "not before its pause is over"
    await due_now(pool)
    await sending.once()
    assert sorted(await states(pool)) == ["failed", "sent"]
    assert (
        await pool.fetchval("select attempts from messages where channel = 'sms' and state = 'sent'") == 2
    )


async def test_only_what_was_submitting_at_a_crash_is_in_doubt_and_is_not_sent_again(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone())
    await plan(pool, vault, milestone("held", number="OTHER"))
    await pool.execute("delete from messages where channel = 'email'")
    await lanes.claim(pool, "sms", 2)
    await pool.execute("update message_lanes set due_at = now()")
    await pool.execute(
        "update messages set lease_owner = 'dead', lease_until = now() - interval '1 s', state = 'submitting',"
        " attempts = 1 where kind = 'delivered'"
    )
    channel = FakeChannel()
    await sender(pool, vault, channel, settings).once()
    rows = await pool.fetch("select kind, state from messages order by kind")
    assert [tuple(row) for row in rows] == [("delivered", "in_doubt"), ("held", "sent")]
    assert len(channel.letters) == 1


async def test_a_frozen_worker_that_thaws_does_not_send_what_another_took_over(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone())
    [frozen] = await lanes.heads(pool, await lanes.claim(pool, "sms", 10))
    await pool.execute("update message_lanes set due_at = now() where channel = 'sms'")
    assert await tries.submitting(pool, frozen, 1) is None, (
        "its lease has run out, if nobody else came either"
    )
    channel = FakeChannel()
    await sender(pool, vault, channel, settings).once()
    assert await tries.submitting(pool, frozen, 1) is None
    assert len(channel.letters) == 1


async def test_one_switch_stops_all_outgoing_messages(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    await plan(pool, vault, milestone())
    sending = sender(pool, vault, FakeChannel(), settings)
    await pool.execute("update switches set value = false")
    assert await sending.once() == 0
    await pool.execute("update switches set value = true")
    assert await sending.once() == 1


async def test_who_was_erased_is_not_told(settings: SharedSettings, pool: Any, vault: Vault) -> None:
    await plan(pool, vault, milestone())
    await pool.execute("update registrations set contacts = null, person_hash = null")
    await pool.execute("delete from persons")
    channel = FakeChannel()
    await sender(pool, vault, channel, settings).once()
    assert (await states(pool), channel.letters) == (["withdrawn"], [])


async def test_no_connection_is_held_while_a_provider_is_called(
    settings: SharedSettings, pool: Any, vault: Vault
) -> None:
    idle: list[bool] = []

    class Looks(FakeChannel):
        async def submit(self, letter: Letter) -> Submission:
            idle.append(pool.get_idle_size() == pool.get_size())
            return await super().submit(letter)

    await plan(pool, vault, milestone())
    await sender(pool, vault, Looks(), settings).once()
    assert idle == [True]


def letter(address: str, sentence: str = "Bưu gửi Z82BS đã giao.", language: str = "vi") -> Letter:
    return Letter(uuid.uuid4(), address, language, Words(sentence, "http://127.0.0.1/t/ghn/Z82BS"))


@contextlib.asynccontextmanager
async def bound(port: int, **more: Any) -> AsyncIterator[SmsChannel]:
    channel = SmsChannel(NotifierSettings(smpp_port=port, provider_timeout=3, **more))
    await channel.start()
    try:

        async def is_bound() -> bool:
            return channel.waits_for is None

        await until(is_bound, "the session is bound")
        yield channel
    finally:
        await channel.stop()


@contextlib.asynccontextmanager
async def smsc() -> AsyncIterator[SmsSink]:
    sink = SmsSink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.mark.parametrize("accents", [False, True])
async def test_an_sms_arrives_whole_with_and_without_accents(accents: bool) -> None:  # noqa: FBT001
    text = "Bưu gửi đã được giao tại địa chỉ, mời bạn xem hành trình. " * 3
    async with smsc() as sink, bound(sink.port, sms_accents=accents) as channel:
        answer = await channel.submit(letter("+84912345678", text))
    assert answer.fate is Fate.ACCEPTED
    [(number, received)] = sink.texts
    assert (number, text in received) == ("84912345678", accents)
    assert sink.pieces == (4 if accents else 2)


async def test_sms_errors_say_whether_to_try_again() -> None:
    answers = {"84900000001": RTHROTTLED, "84900000002": RINVDSTADR}
    port = free_port()
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="SMSC")
    await server.start()

    async def reject() -> None:
        while True:
            event = await server.next()
            if isinstance(event, smpp34.SubmitSmEvent):
                event.reject(answers[event.destination_addr])

    task = asyncio.create_task(reject())
    async with bound(port) as channel:
        assert (await channel.submit(letter("+84900000001"))).fate is Fate.TRY_AGAIN
        assert (await channel.submit(letter("+84900000002"))).fate is Fate.REFUSED
    task.cancel()
    await server.stop()


async def test_an_smsc_that_takes_a_message_and_says_nothing_leaves_it_in_doubt() -> None:
    port = free_port()
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="SMSC")
    await server.start()
    held: list[Any] = []

    async def swallow() -> None:
        while True:
            held.append(await server.next())

    task = asyncio.create_task(swallow())
    async with bound(port) as channel:
        assert (await channel.submit(letter("+84900000001"))).fate is Fate.UNKNOWN
    task.cancel()
    await server.stop()


async def test_without_an_smsc_nothing_is_submitted() -> None:
    channel = SmsChannel(NotifierSettings(smpp_port=free_port()))
    await channel.start()
    assert channel.waits_for is not None
    assert (await channel.submit(letter("+84900000001"))).fate is Fate.AWAY
    await channel.stop()


async def test_an_email_arrives_as_text_and_html_with_the_messages_id() -> None:
    sink = MailSink()
    sink.start()
    sent = letter("lan@example.vn")
    answer = await EmailChannel(NotifierSettings(smtp_port=sink.port)).submit(sent)
    sink.stop()
    assert answer == Submission(Fate.ACCEPTED, "250")
    [(recipient, message_id, text)] = sink.mails
    assert (recipient, str(sent.message_id) in message_id) == ("lan@example.vn", True)
    assert "Bưu gửi Z82BS đã giao." in text


@pytest.mark.parametrize(
    ("reply", "fate"), [("451 later", Fate.TRY_AGAIN), ("550 nobody here", Fate.REFUSED)]
)
async def test_smtp_replies_say_whether_to_try_again(reply: str, fate: Fate) -> None:
    class Refuses:
        async def handle_RCPT(self, *_: Any) -> str:
            return reply

    port = free_port()
    controller = Controller(Refuses(), hostname="127.0.0.1", port=port)
    controller.start()
    answer = await EmailChannel(NotifierSettings(smtp_port=port)).submit(letter("lan@example.vn"))
    controller.stop()
    assert answer == Submission(fate, reply[:3])


async def test_a_relay_that_is_away_has_said_nothing_of_the_message() -> None:
    answer = await EmailChannel(NotifierSettings(smtp_port=free_port())).submit(letter("lan@example.vn"))
    assert answer.fate is Fate.AWAY


def test_a_letter_never_prints_its_address() -> None:
    assert "lan@" not in repr(letter("lan@example.vn"))


@pytest.mark.parametrize(("hours", "queued"), [(0, 2), (48, 2), (49, 0)])
async def test_nobody_is_told_what_happened_long_before_it_was_known(
    pool: Any, vault: Vault, hours: int, queued: int
) -> None:
    happened = milestone().occurred_at
    await plan(pool, vault, milestone(), told_at=happened + hours * 3_600_000)
    assert await pool.fetchval("select count(*) from messages") == queued


async def test_what_was_wrong_is_taken_back_however_late(pool: Any, vault: Vault) -> None:
    happened = milestone().occurred_at
    await plan(pool, vault, milestone(), told_at=happened)
    taken_back = milestone(sequence=2, action="retracted")
    await plan(pool, vault, taken_back, told_at=happened + 100 * 3_600_000)
    assert [state for [state] in await pool.fetch("select state from messages")] == ["withdrawn"] * 2


async def test_nobody_is_told_what_happened_before_a_carrier_began_to_report(
    pool: Any, vault: Vault
) -> None:
    """Its parcels under way were loaded (`buuta ingest file --in-flight`); what happens from then on is told."""
    at = datetime.fromtimestamp(milestone().occurred_at / 1000, UTC)
    await pool.execute(
        "insert into carriers (code, name, format, tells_from) values ('ghn', 'G', 'ghn', $1)", at
    )
    before = milestone(kind="out_for_delivery", occurred_at=milestone().occurred_at - 1)
    await plan(pool, vault, before, milestone(sequence=2), told_at=milestone().occurred_at)
    assert [row["kind"] for row in await pool.fetch("select distinct kind from messages")] == ["delivered"]
    await pool.execute("update carriers set is_post = true")
    assert (await storage.tells_from(pool)).keys() == {"ghn", "s10"}


async def test_a_link_whose_session_ends_by_an_error_is_bound_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, begun = ESME.start, [0]

    async def start(esme: Any) -> None:
        begun[0] += 1
        if begun[0] == 1:
            raise RuntimeError("an error that aiosmpplib does not catch")
        await begin(esme)

    monkeypatch.setattr(ESME, "start", start)
    async with smsc() as sink, bound(sink.port) as channel:
        assert (await channel.submit(letter("+84912345678"))).fate is Fate.ACCEPTED
    assert begun == [2]


async def test_a_record_whose_time_lies_in_the_future_was_made_now(pool: Any, vault: Vault) -> None:
    """A tracker three days ahead would silence all, and end the windows in which others are counted."""
    first, second = news(2)
    now, days = first.occurred_at, 3 * 86_400_000
    await plan(pool, vault, first, told_at=now, now=now, recipient_messages_per_hour=1)
    await plan(pool, vault, second, told_at=now + 2 * days, now=now, recipient_messages_per_hour=1)
    assert await told(pool) == [(1, "queued"), (2, "held")]
