"""The twins of providers that refuse: an SMSC and a relay that are silent, or drip, and do not close."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from buuta.demo.sinks import MailSink, SmsSink
from buuta.settings import SharedSettings
from buuta.storage.background import running
from buuta.storage.vault import Vault
from buuta.wording.messages import Words
from services.notifier.channels.channel import Letter
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.sms import SmsChannel
from services.notifier.domain.states import Fate
from services.notifier.lanes import SUBMIT_LEASE_SECONDS
from services.notifier.settings import NotifierSettings
from tests.chaos.proxy import Proxy
from tests.integration.test_notifier import milestone, plan, sender, states, vault  # noqa: F401 - a fixture
from tests.waiting import until

SECONDS = 2.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def letter(address: str) -> Letter:
    return Letter(uuid.uuid4(), address, "vi", Words("Bưu gửi Z82BS đã giao.", "http://x/t/ghn/Z82BS"))


@contextlib.asynccontextmanager
async def through(port: int) -> AsyncIterator[Proxy]:
    """A way to a provider that can be held up."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


@contextlib.asynccontextmanager
async def relay(serve: Serve) -> AsyncIterator[int]:
    """A relay that talks as told; its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A greeting that never ends, though each piece of it comes in time."""
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"220-hello\r\n")
            await writer.drain()
            await asyncio.sleep(SECONDS / 10)


async def takes_and_is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A relay that says nothing once it has the message."""
    writer.write(b"220 hello\r\n")
    while line := await reader.readline():
        writer.write(b"354 go on\r\n" if line.upper().startswith(b"DATA") else b"250 fine\r\n")
        if line.upper().startswith(b"DATA"):
            await reader.read()
            return


async def slow_at_every_step(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each answer comes within the time limit of one answer."""
    with contextlib.suppress(ConnectionError):
        await asyncio.sleep(SECONDS * 0.8)
        writer.write(b"220 hello\r\n")
        while await reader.readline():
            await asyncio.sleep(SECONDS * 0.8)
            writer.write(b"250 fine\r\n")


@pytest.mark.parametrize(
    ("serve", "fate"),
    [(drips, Fate.AWAY), (slow_at_every_step, Fate.AWAY), (takes_and_is_silent, Fate.UNKNOWN)],
)
async def test_a_conversation_with_a_relay_has_one_end_whatever_it_does(serve: Serve, fate: Fate) -> None:
    async with relay(serve) as port:
        begun = time.monotonic()
        settings = NotifierSettings(smtp_port=port, provider_timeout=SECONDS)
        answer = await EmailChannel(settings).submit(letter("lan@example.vn"))
        assert answer.fate is fate
        assert time.monotonic() - begun < SECONDS * 2


async def test_a_relay_that_is_frozen_before_it_has_the_message_is_tried_again() -> None:
    sink = MailSink()
    sink.start()
    async with through(sink.port) as proxy:
        channel = EmailChannel(NotifierSettings(smtp_port=proxy.port, provider_timeout=SECONDS))
        proxy.hold()
        assert (await channel.submit(letter("lan@example.vn"))).fate is Fate.AWAY
        proxy.release()
        assert (await channel.submit(letter("lan@example.vn"))).fate is Fate.ACCEPTED
    sink.stop()


async def hears(channel: SmsChannel) -> bool:
    return channel.waits_for is None


async def test_an_smsc_that_freezes_puts_in_doubt_what_it_had_and_no_more() -> None:
    """What comes after waits, until the SMSC has said anything again."""
    sink = SmsSink()
    await sink.start()
    async with through(sink.port) as proxy:
        channel = SmsChannel(NotifierSettings(smpp_port=proxy.port, provider_timeout=SECONDS))
        await channel.start()
        await until(lambda: hears(channel), "the session is bound")
        assert (await channel.submit(letter("+84900000001"))).fate is Fate.ACCEPTED
        proxy.hold()
        had = await asyncio.gather(*(channel.submit(letter(f"+8490000001{n}")) for n in range(3)))
        assert {each.fate for each in had} == {Fate.UNKNOWN}
        assert channel.waits_for is not None
        begun = time.monotonic()
        assert (await channel.submit(letter("+84900000002"))).fate is Fate.AWAY
        assert time.monotonic() - begun < 1, "at once"
        proxy.release()
        await until(lambda: hears(channel), "the SMSC is heard again")
        assert (await channel.submit(letter("+84900000003"))).fate is Fate.ACCEPTED
        await channel.stop()
    await sink.stop()


def test_an_answer_is_waited_for_less_long_than_the_lease_of_a_submission() -> None:
    with pytest.raises(ValidationError):
        NotifierSettings(provider_timeout=SUBMIT_LEASE_SECONDS - 5)


async def test_while_the_smsc_is_silent_the_other_channel_goes_on_and_nothing_is_sent_twice(
    settings: SharedSettings,
    pool: Any,
    vault: Vault,  # noqa: F811 - the fixture
) -> None:
    """By the stated rule: what the SMSC had is in doubt, what it had not yet waits."""
    sms, mail = SmsSink(), MailSink()
    await sms.start()
    mail.start()
    async with through(sms.port) as proxy:
        own = NotifierSettings(smpp_port=proxy.port, smtp_port=mail.port, provider_timeout=SECONDS)
        channel = SmsChannel(own)
        await channel.start()
        await until(lambda: hears(channel), "the session is bound")
        await plan(pool, vault, milestone("out_for_delivery"))
        proxy.hold()
        senders = [sender(pool, vault, each, settings) for each in (channel, EmailChannel(own))]
        async with running(*(each.run() for each in senders)):
            await until(lambda: stands(pool, "email", ["sent"]), "the e-mail is sent meanwhile")
            await until(lambda: stands(pool, "sms", ["in_doubt"]), "of the SMS nobody knows")
            await plan(pool, vault, milestone("delivered", sequence=2))
            await until(lambda: stands(pool, "email", ["sent", "sent"]), "so is the next e-mail")
            assert await states(pool) == ["in_doubt", "queued"]
            proxy.release()
            await until(
                lambda: stands(pool, "sms", ["in_doubt", "sent"]), "the next SMS is sent after the thaw"
            )
        await channel.stop()
    await sms.stop()
    mail.stop()
    assert len(mail.mails) == 2
    assert len(sms.texts) == 2, "what was in doubt had arrived, once"


async def stands(pool: Any, channel: str, wanted: list[str]) -> bool:
    return await states(pool, channel) == wanted
