"""The far ends: a mail server and an SMSC that keep what they receive."""

import asyncio
import email
import email.policy
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Final

import smpp34
from aiosmtpd.controller import Controller

from buuta.demo.inbox import Channel, Inbox, Message
from buuta.embedded.processes import free_port
from buuta.storage.background import run_forever
from buuta.telemetry.ending import end
from services.notifier.domain.sms import BASIC, ESCAPE, EXTENSION

UDHI: Final = 0x40
UCS2: Final = 8
EXTENDED: Final = {code: character for character, code in EXTENSION.items()}


class MailSink:
    """An SMTP server on loopback; `mails` holds (recipient, Message-ID, text)."""

    def __init__(self, inbox: Inbox | None = None) -> None:
        self.port = free_port()
        self.inbox = inbox or Inbox()
        self.mails: list[tuple[str, str, str]] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a message (aiosmtpd calls this)."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text, html = _content(message, "plain"), _content(message, "html")
        recipient, at = envelope.rcpt_tos[0], datetime.now(UTC)
        self.mails.append((recipient, str(message["Message-ID"]), text))
        sender, subject = str(message["From"]), str(message["Subject"])
        self.inbox.add(Message(Channel.EMAIL, at, sender, recipient, text, subject, html))
        return "250 kept"

    def start(self) -> None:
        """Begin to listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()


def _content(message: Any, kind: str) -> str:
    body = message.get_body((kind,))
    content: str = "" if body is None else body.get_content()
    return content


class SmsSink:
    """An SMSC on loopback; `texts` holds (recipient, text) of complete messages."""

    def __init__(self, inbox: Inbox | None = None) -> None:
        self.port = free_port()
        self.inbox = inbox or Inbox()
        self.texts: list[tuple[str, str]] = []
        self.pieces = 0
        self._parts: dict[tuple[str, int], dict[int, bytes]] = defaultdict(dict)
        self._server = smpp34.Server(host="127.0.0.1", port=self.port, system_id="BUUTADEMO")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen."""
        await self._server.start()
        self._task = asyncio.create_task(run_forever("sms_sink", self._receive, 0, within=None))

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            await end(self._task)
        await self._server.stop()

    async def _receive(self) -> None:
        event = await self._server.next()
        if isinstance(event, smpp34.SubmitSmEvent):
            self.pieces += 1
            self._keep(event)
            event.accept(message_id=str(self.pieces))

    def _keep(self, event: Any) -> None:
        number, payload = event.destination_addr, bytes(event.short_message)
        if not event.esm_class & UDHI:
            self._take(event, payload, 1)
            return
        reference, count, place = payload[3:6]
        parts = self._parts[number, reference]
        parts[place] = payload[6:]
        if len(parts) == count:
            self._take(event, b"".join(parts[each] for each in sorted(parts)), count)
            del self._parts[number, reference]

    def _take(self, event: Any, payload: bytes, segments: int) -> None:
        """Take a whole message in."""
        text, alphabet = (
            decode(payload, event.data_coding),
            "UCS-2" if event.data_coding == UCS2 else "GSM 7 bit",
        )
        self.texts.append((event.destination_addr, text))
        self.inbox.add(
            Message(
                Channel.SMS, datetime.now(UTC), event.source_addr, f"+{event.destination_addr.lstrip('+')}", text,
                segments=segments, alphabet=alphabet,
            )
        )  # fmt: skip


def decode(payload: bytes, data_coding: int) -> str:
    """Text of an SMS: UCS-2, or GSM 03.38 with its extension table, an octet a character."""
    if data_coding == UCS2:
        return payload.decode("utf-16-be")
    text, codes = [], iter(payload)
    for code in codes:
        text.append(EXTENDED.get(next(codes, ESCAPE), " ") if code == ESCAPE else BASIC[code & 0x7F])
    return "".join(text)
