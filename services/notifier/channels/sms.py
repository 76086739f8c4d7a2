"""SMS by SMPP 3.4, through `aiosmpplib`; the pieces are cut by us (it splits Vietnamese wrongly)."""

import asyncio
import contextlib
import logging
from typing import Any, Final

from aiosmpplib import ESME, AbstractHook, BindMode, PhoneNumber, SubmitSm
from aiosmpplib.broker import SimpleBroker
from aiosmpplib.state import NPI, TON, SmppCommandStatus, SmppSessionState

from buuta.storage.background import run_forever
from buuta.telemetry.ending import end
from services.notifier.channels.channel import Letter, Submission
from services.notifier.domain.sms import segment, unaccented
from services.notifier.domain.states import Fate
from services.notifier.settings import NotifierSettings

LINK_SECONDS: Final = 1.0
ENQUIRE_SECONDS: Final = 5.0
"""After so many seconds without a word the SMSC is asked whether it is there."""
UDHI: Final = 0b01000000
TEMPORARY: Final = frozenset(
    {"ESME_RTHROTTLED", "ESME_RMSGQFUL", "ESME_RSYSERR", "ESME_RX_T_APPN", "ESME_RDELIVERYFAILURE"}
)
"""SMPP 3.4, 5.1.3: what may go well later. All other errors are for good."""


class _Answers(AbstractHook):  # type: ignore[misc]
    """Knows which submissions have left, and wakes who waits for the answer to one."""

    def __init__(self) -> None:
        self.left: set[str] = set()
        self._by_sequence: dict[int, str] = {}
        self.waiting: dict[str, asyncio.Future[str]] = {}
        self.heard_at = 0.0
        """When the SMSC said anything, by the event loop's clock."""

    async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        if isinstance(smpp_message, SubmitSm):
            if smpp_message.log_id not in self.waiting:
                # aiosmpplib drops a message on ValueError and goes on. Nobody waits for this one
                # any more: it was judged unsent and is queued again.
                raise ValueError("nobody waits for this piece")
            self.left.add(smpp_message.log_id)
            self._by_sequence[smpp_message.sequence_num] = smpp_message.log_id

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        log_id = self._by_sequence.pop(getattr(smpp_message, "sequence_num", -1), None)
        if log_id is not None:
            self._resolve(log_id, smpp_message.command_status.name)

    async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:
        """The connection broke while sending: the wait ends by its timeout, as `left` says."""

    def _resolve(self, log_id: str, status: str) -> None:
        future = self.waiting.pop(log_id, None)
        if future is not None and not future.done():
            future.set_result(status)


class _Pieces(SimpleBroker):  # type: ignore[misc]
    """The queue between us and the session; pieces that nobody waits for are dropped."""

    def __init__(self, answers: _Answers) -> None:
        super().__init__()
        self._answers = answers

    async def dequeue(self) -> Any:
        while True:
            message = await super().dequeue()
            if not isinstance(message, SubmitSm) or message.log_id in self._answers.waiting:
                return message


class SmsChannel:
    """One bound session; submissions are pieces with an answer each."""

    name = "sms"

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        self._answers = _Answers()
        self._queue = _Pieces(self._answers)
        self._reference = 0
        self._esme = ESME(
            smsc_host=settings.smpp_host, smsc_port=settings.smpp_port,
            system_id=settings.smpp_system_id, password=settings.smpp_password.get_secret_value(),
            bind_mode=BindMode.TRANSMITTER, broker=self._queue, hook=self._answers,
            # Its log lines hold whole messages, addresses too.
            log_level=logging.CRITICAL, log_handler=logging.NullHandler(),
            socket_timeout=settings.provider_timeout,
            enquire_link_interval=min(ENQUIRE_SECONDS, settings.provider_timeout),
        )  # fmt: skip
        self._unheard_since: float | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to bind; it is tried again by itself."""
        link = run_forever("sms_link", self._esme.start, LINK_SECONDS, within=None)
        self._running = asyncio.create_task(link)

    async def stop(self) -> None:
        """Unbind."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(3):
                await self._esme.stop()
        if self._running is not None:
            await end(self._running)

    @property
    def waits_for(self) -> str | None:
        """A bound session, and after a submission without an answer any word of the SMSC.

        It is asked for one every few seconds; until then no further message is put in doubt.
        """
        if self._esme.session_state is not SmppSessionState.BOUND_TX:
            return "the SMSC has not bound our session"
        if self._unheard_since is not None and self._answers.heard_at < self._unheard_since:
            return "the SMSC is silent"
        return None

    async def submit(self, letter: Letter) -> Submission:
        """Submit all pieces; only when none has left may it be tried again after silence."""
        if self.waits_for is not None:
            return Submission(Fate.TRY_AGAIN, "not_bound")
        begun = asyncio.get_running_loop().time()
        names = []
        self._reference = (self._reference + 1) % 256
        for place, (part, ucs2, joined) in enumerate(self._pieces(letter)):
            name = f"{letter.message_id}/{place}"
            names.append(name)
            self._answers.waiting[name] = asyncio.get_running_loop().create_future()
            await self._queue.enqueue(self._submit_sm(letter.address, part, ucs2, joined, name))
        statuses = await self._wait(names)
        if self._answers.heard_at < begun:
            self._unheard_since = begun
        return self._judged(names, statuses)

    def _pieces(self, letter: Letter) -> list[tuple[bytes, bool, bool]]:
        text = f"{letter.words.sentence} {letter.words.page}"
        text = text if self._settings.sms_accents else unaccented(text)
        segments = segment(text, self._reference)
        return [(part, segments.ucs2, len(segments.parts) > 1) for part in segments.parts]

    def _submit_sm(self, address: str, part: bytes, ucs2: bool, joined: bool, name: str) -> SubmitSm:  # noqa: FBT001
        message = SubmitSm(
            short_message="-",  # what goes out is the encoded piece set below
            source=PhoneNumber(self._settings.sms_sender, TON.ALPHANUMERIC, NPI.UNKNOWN),
            destination=PhoneNumber(address.lstrip("+"), TON.INTERNATIONAL, NPI.ISDN),
            esm_class=UDHI if joined else 0,
            registered_delivery=0,
            encoding="ucs2" if ucs2 else None,
            log_id=name,
        )
        message.set_encoded_message(part)
        return message

    async def _wait(self, names: list[str]) -> dict[str, str]:
        futures = {name: self._answers.waiting[name] for name in names}
        await asyncio.wait(futures.values(), timeout=self._settings.provider_timeout)
        for name in names:
            self._answers.waiting.pop(name, None)
        return {name: future.result() for name, future in futures.items() if future.done()}

    def _judged(self, names: list[str], statuses: dict[str, str]) -> Submission:
        left = self._answers.left.intersection(names)
        self._answers.left.difference_update(names)
        bad = sorted({status for status in statuses.values() if status != SmppCommandStatus.ESME_ROK.name})
        if len(statuses) == len(names) and not bad:
            return Submission(Fate.ACCEPTED, SmppCommandStatus.ESME_ROK.name)
        accepted = len(statuses) - sum(1 for status in statuses.values() if status in bad)
        if not left:
            return Submission(Fate.TRY_AGAIN, "not_sent")
        if len(statuses) < len(names) or accepted:
            return Submission(Fate.UNKNOWN, bad[0] if bad else "no_answer")
        return Submission(Fate.TRY_AGAIN if bad[0] in TEMPORARY else Fate.REFUSED, bad[0])
