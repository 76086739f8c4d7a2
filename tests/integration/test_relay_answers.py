"""What a relay says to us is the channel's state; only what it says of a recipient or a text is the message's."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from buuta.embedded.processes import free_port
from services.notifier.channels.email import EmailChannel
from services.notifier.domain.states import Fate
from services.notifier.settings import NotifierSettings
from tests.integration.test_notifier import letter


class Relay:
    """A relay that says one thing at one place of the conversation."""

    def __init__(self, place: str, reply: str) -> None:
        self._said = {place: reply}

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        envelope.mail_from = address
        return self._said.get("MAIL", "250 ok")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._said.get("RCPT", "250 ok")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return self._said.get("DATA", "250 ok")


@contextlib.contextmanager
def relay(place: str, reply: str) -> Iterator[int]:
    port = free_port()
    controller = Controller(Relay(place, reply), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


@pytest.mark.parametrize(
    ("place", "reply", "fate"),
    [
        ("MAIL", "550 we do not know you", Fate.AWAY), ("MAIL", "452 no room", Fate.AWAY),
        ("MAIL", "421 closing", Fate.AWAY), ("RCPT", "421 closing", Fate.AWAY),
        ("RCPT", "450 later", Fate.TRY_AGAIN), ("RCPT", "550 nobody here", Fate.REFUSED),
        ("DATA", "451 later", Fate.TRY_AGAIN), ("DATA", "554 no", Fate.REFUSED),
        ("DATA", "421 closing", Fate.AWAY), ("none", "250", Fate.ACCEPTED),
    ],
)  # fmt: skip
async def test_only_an_answer_for_the_recipient_or_the_text_is_the_messages(
    place: str, reply: str, fate: Fate
) -> None:
    with relay(place, reply) as port:
        answer = await EmailChannel(NotifierSettings(smtp_port=port)).submit(letter("lan@example.vn"))
    assert answer.fate is fate
    assert answer.code == reply[:3]


async def test_a_relay_that_does_not_let_us_in_has_said_nothing_of_the_message() -> None:
    with relay("none", "250") as port:
        settings = NotifierSettings(smtp_port=port, smtp_user="buuta", smtp_password="wrong")
        assert (await EmailChannel(settings).submit(letter("lan@example.vn"))).fate is Fate.AWAY
        wants_tls = NotifierSettings(smtp_port=port, smtp_starttls=True)
        assert (await EmailChannel(wants_tls).submit(letter("lan@example.vn"))).fate is Fate.AWAY


async def test_what_must_not_leave_any_more_does_not() -> None:
    """Who was frozen from before the first byte until others had gone on."""
    with relay("none", "250") as port:
        late = letter("lan@example.vn")
        late = type(late)(late.message_id, late.address, late.language, late.words, None, leaves_by=0)
        assert (await EmailChannel(NotifierSettings(smtp_port=port)).submit(late)).fate is Fate.AWAY
