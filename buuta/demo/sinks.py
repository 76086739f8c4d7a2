"""The far ends: a mail server and an SMSC that keep what they receive."""

import asyncio
import email
import email.policy
from collections import defaultdict
from typing import Any

import smpp34
from aiosmtpd.controller import Controller

from buuta.embedded.processes import free_port
from buuta.storage.background import run_forever
from buuta.telemetry.ending import end

UDHI = 0x40
UCS2 = 8
GSM_PLAIN = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"


class MailSink:
    """An SMTP server on loopback; `mails` holds (recipient, Message-ID, text)."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[tuple[str, str, str]] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a message (aiosmtpd calls this)."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(("plain",))
        text = "" if body is None else body.get_content()
        self.mails.append((envelope.rcpt_tos[0], str(message["Message-ID"]), text))
        return "250 kept"

    def start(self) -> None:
        """Begin to listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()


class SmsSink:
    """An SMSC on loopback; `texts` holds (recipient, text) of complete messages."""

    def __init__(self) -> None:
        self.port = free_port()
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
            self.texts.append((number, decode(payload, event.data_coding)))
            return
        reference, count, place = payload[3:6]
        parts = self._parts[number, reference]
        parts[place] = payload[6:]
        if len(parts) == count:
            whole = b"".join(parts[each] for each in sorted(parts))
            self.texts.append((number, decode(whole, event.data_coding)))
            del self._parts[number, reference]


def decode(payload: bytes, data_coding: int) -> str:
    """Text of an SMS: UCS-2, or GSM 03.38 as far as Buuta's unaccented sentences need it."""
    if data_coding == UCS2:
        return payload.decode("utf-16-be")
    return "".join(GSM_PLAIN[code] if code < len(GSM_PLAIN) else chr(code) for code in payload)
