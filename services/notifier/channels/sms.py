"""SMS by SMPP 3.4, through `aiosmpplib`; the pieces are cut by us (it splits Vietnamese wrongly)."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiosmpplib import ESME, AbstractHook, BindMode, PhoneNumber, SubmitSm
from aiosmpplib.broker import SimpleBroker
from aiosmpplib.state import NPI, TON, SmppSessionState
from aiosmpplib.throttle import AbstractThrottleHandler

from buuta.storage.background import run_forever
from buuta.telemetry.ending import end
from services.notifier.channels.channel import Letter, Submission
from services.notifier.channels.smpp import (
    OK,
    THROTTLING,
    accept_what_is_unnamed,
    answer_in,
    is_temporary,
    name_of,
)
from services.notifier.domain.pieces import Pieces, pieces
from services.notifier.domain.sms import Segments, segment, unaccented
from services.notifier.domain.states import Fate
from services.notifier.settings import NotifierSettings

LINK_SECONDS: Final = 1.0
ENQUIRE_SECONDS: Final = 5.0
"""After so many seconds without a word the SMSC is asked whether it is there."""
UDHI: Final = 0b01000000


@dataclass
class _Piece:
    """A piece under way: when it may leave last, the status of its answer, and its number once it has left."""

    leaves_by: float
    answered: "asyncio.Future[int]"
    sequence: int | None = None

    @property
    def has_left(self) -> bool:
        """Whether its bytes may have been written."""
        return self.sequence is not None


class _Answers(AbstractHook):  # type: ignore[misc]
    """Knows which pieces have left, and wakes who waits for the answer to one."""

    def __init__(self) -> None:
        self.waiting: dict[str, _Piece] = {}
        self.left: dict[int, _Piece] = {}
        self.heard_at = 0.0
        """When the SMSC said anything, by the event loop's clock."""

    async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        if isinstance(smpp_message, SubmitSm):
            piece = self.waiting.get(smpp_message.log_id)
            if piece is None or time.monotonic() > piece.leaves_by:
                # aiosmpplib drops a message on ValueError and goes on. Nobody waits for this one
                # any more, or others have gone on: it was judged unsent and is queued again.
                raise ValueError("nobody waits for this piece")
            piece.sequence = smpp_message.sequence_num
            self.left[smpp_message.sequence_num] = piece

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        """Read the answer in the PDU itself: its body may be missing, or be none that the library can read."""
        self.heard_at = asyncio.get_running_loop().time()
        answer = answer_in(pdu)
        piece = None if answer is None else self.left.pop(answer.sequence, None)
        if answer is not None and piece is not None and not piece.answered.done():
            piece.answered.set_result(answer.status)

    async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:
        """The connection broke while sending: the wait ends by its timeout, as `has_left` says."""


class _NoPause(AbstractThrottleHandler):  # type: ignore[misc]
    """The library would pause for up to three minutes after one throttled answer in fifty; we pace by claims."""

    async def throttled(self) -> None:
        """Heard with the answer."""

    async def not_throttled(self) -> None:
        """Heard with the answer."""

    async def allow_request(self) -> bool:
        """What was claimed may leave."""
        return True

    async def throttle_delay(self) -> float:
        """None."""
        return 0.0


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
        accept_what_is_unnamed()
        self._settings = settings
        self._answers = _Answers()
        self._queue = _Pieces(self._answers)
        self._esme = ESME(
            smsc_host=settings.smpp_host, smsc_port=settings.smpp_port,
            system_id=settings.smpp_system_id, password=settings.smpp_password.get_secret_value(),
            bind_mode=BindMode.TRANSMITTER, broker=self._queue, hook=self._answers,
            throttle_handler=_NoPause(),
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
        """Submit the pieces that the SMSC has not taken yet; what has left and was not answered is in doubt."""
        text = f"{letter.words.sentence} {letter.words.page}"
        text = text if self._settings.sms_accents else unaccented(text)
        known = pieces(letter.message_id, text, letter.pieces)
        if self.waits_for is not None:
            return Submission(Fate.AWAY, "not_bound", known.with_more(()))
        begun = asyncio.get_running_loop().time()
        try:
            cut = segment(text, known.reference)
        except ValueError:
            return Submission(Fate.REFUSED, "too_long")
        sent: dict[int, _Piece] = {}
        for place in range(len(cut.parts)):
            if place not in known.taken:
                sent[place] = await self._send(letter, cut, place)
        await asyncio.wait(
            [each.answered for each in sent.values()], timeout=self._settings.provider_timeout
        )
        for place, piece in sent.items():
            self._answers.waiting.pop(_name(letter, place), None)
            self._answers.left.pop(piece.sequence or 0, None)
        if self._answers.heard_at < begun:
            self._unheard_since = begun
        return _judged(known, sent)

    async def _send(self, letter: Letter, cut: Segments, place: int) -> _Piece:
        name = _name(letter, place)
        piece = _Piece(letter.leaves_by, asyncio.get_running_loop().create_future())
        self._answers.waiting[name] = piece
        message = SubmitSm(
            short_message="-",  # what goes out is the encoded piece set below
            source=PhoneNumber(self._settings.sms_sender, TON.ALPHANUMERIC, NPI.UNKNOWN),
            destination=PhoneNumber(letter.address.lstrip("+"), TON.INTERNATIONAL, NPI.ISDN),
            esm_class=UDHI if len(cut.parts) > 1 else 0,
            registered_delivery=0,
            encoding="ucs2" if cut.ucs2 else None,
            log_id=name,
        )
        message.set_encoded_message(cut.parts[place])
        await self._queue.enqueue(message)
        return piece


def _name(letter: Letter, place: int) -> str:
    return f"{letter.message_id}/{place}"


def _judged(known: Pieces, sent: Mapping[int, _Piece]) -> Submission:
    """What the answers mean: a piece that has left without one is worse than one that was refused."""
    answers = {place: piece.answered.result() for place, piece in sent.items() if piece.answered.done()}
    bad = sorted(status for status in answers.values() if status != OK)
    silent = [piece for place, piece in sent.items() if place not in answers]
    taken = known.with_more([place for place, status in answers.items() if status == OK])
    code = name_of(bad[0]) if bad else "no_answer"
    if any(piece.has_left for piece in silent):
        return Submission(Fate.UNKNOWN, code)
    if final := [status for status in bad if not is_temporary(status)]:
        return Submission(Fate.REFUSED, name_of(final[0]))
    if bad:
        return Submission(Fate.TRY_AGAIN, code, taken, is_throttled=not THROTTLING.isdisjoint(bad))
    return Submission(Fate.AWAY, "not_sent", taken) if silent else Submission(Fate.ACCEPTED, name_of(OK))
