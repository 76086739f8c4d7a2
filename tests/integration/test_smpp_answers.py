"""Whatever an SMSC answers is the answer to its message, and ends nothing of its neighbours'."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import smpp34

from buuta.embedded.processes import free_port
from buuta.wording.messages import Words
from services.notifier.channels.channel import Letter
from services.notifier.channels.smpp import HEADER, is_temporary, name_of
from services.notifier.domain.pieces import pieces
from services.notifier.domain.states import Fate
from tests.integration.test_notifier import bound, letter

LONG = "Buu gui da duoc giao tai dia chi, moi ban xem hanh trinh. " * 6
BIND_TRANSMITTER, SUBMIT_SM, SUBMIT_SM_RESP, DATA_SM = 0x2, 0x4, 0x80000004, 0x103
ODD = b"84900000001"
THROTTLED = 0x58
Answers = Callable[[Any], int]


@contextlib.asynccontextmanager
async def smsc(answers: Answers) -> AsyncIterator[tuple[int, list[Any]]]:
    """An SMSC that answers each piece by a status; yields its port and what it got."""
    port, got = free_port(), list[Any]()
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="SMSC")
    await server.start()

    async def answer() -> None:
        while True:
            event = await server.next()
            if isinstance(event, smpp34.SubmitSmEvent):
                got.append(event)
                status = answers(event)
                event.reject(status) if status else event.accept(message_id=str(len(got)))

    task = asyncio.create_task(answer())
    yield port, got
    task.cancel()
    await server.stop()


@pytest.mark.parametrize("status", [1375, 0x400, 0x4FF, 0x100, 0x1001, 0xFFFFFFFF])
async def test_a_status_that_nobody_knows_is_its_messages_answer_and_ends_no_session(status: int) -> None:
    async with raw_smsc(status) as port, bound(port) as channel:
        numbers = [f"+8490000000{place}" for place in range(6)]
        answers = await asyncio.gather(*(channel.submit(letter(each)) for each in numbers))
        assert [each.fate for each in answers] == [Fate.ACCEPTED, Fate.TRY_AGAIN, *[Fate.ACCEPTED] * 4]
        assert answers[1].code == f"0x{status:08X}"
        assert channel.waits_for is None, "it is the same session"


def test_what_smpp_names_is_temporary_or_for_good_and_of_what_it_does_not_name_nobody_knows() -> None:
    assert [is_temporary(each) for each in (0x58, 0x14, 0x0B, 0x45, 1375)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert (name_of(0x0B), name_of(1375)) == ("ESME_RINVDSTADR", "0x0000055F")


async def test_of_a_long_sms_only_the_refused_pieces_are_sent_again() -> None:
    refused = {2}

    def second_is_throttled(event: Any) -> int:
        return THROTTLED if bytes(event.short_message)[5] in refused else 0

    async with smsc(second_is_throttled) as (port, got), bound(port) as channel:
        first = letter("+84900000001", LONG)
        answer = await channel.submit(first)
        assert (answer.fate, answer.is_throttled) == (Fate.TRY_AGAIN, True)
        places = sorted(bytes(each.short_message)[5] for each in got)
        assert len(places) == places[-1] > 2
        references = {bytes(each.short_message)[3] for each in got}
        got.clear()
        refused.clear()
        again = Letter(first.message_id, first.address, "vi", first.words, answer.pieces)
        assert (await channel.submit(again)).fate is Fate.ACCEPTED
        assert [bytes(each.short_message)[5] for each in got] == [2]
        assert {bytes(each.short_message)[3] for each in got} == references, "a phone puts them together"


async def test_another_text_than_that_of_the_pieces_that_were_taken_is_sent_whole() -> None:
    async with smsc(lambda _: 0) as (port, got), bound(port) as channel:
        first = letter("+84900000001", LONG)
        taken = pieces(first.message_id, f"{LONG} {first.words.page}", None).with_more([0, 1])
        other = Words(LONG.replace("giao", "nhan"), first.words.page)
        assert (await channel.submit(Letter(first.message_id, first.address, "vi", other, taken))).fate is (
            Fate.ACCEPTED
        )
        assert len(got) > 2


def test_the_reference_of_pieces_is_the_same_at_each_try_in_each_process() -> None:
    name = uuid.uuid4()
    assert pieces(name, "text", None) == pieces(name, "text", None)
    assert 0 <= pieces(name, "text", None).reference < 256


@contextlib.asynccontextmanager
async def raw_smsc(status: int, *before: bytes) -> AsyncIterator[int]:
    """An SMSC by hand: it says `before` unasked, and refuses what is for `ODD` by a header without a body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, command, _, sequence = HEADER.unpack(await reader.readexactly(16))
                asked = await reader.readexactly(length - 16)
                if command == SUBMIT_SM and ODD in asked:
                    writer.writelines(before)
                    writer.write(HEADER.pack(16, SUBMIT_SM_RESP, status, sequence))
                else:
                    body = b"SMSC\0" if command in (BIND_TRANSMITTER, SUBMIT_SM) else b""
                    writer.write(HEADER.pack(16 + len(body), command | 1 << 31, 0, sequence) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "unasked",
    [
        (),
        (HEADER.pack(16, 0x7F, 0, 99),),
        (HEADER.pack(16, SUBMIT_SM_RESP, 0, 4711),),
        (HEADER.pack(16, DATA_SM, 0, 9),),
    ],
    ids=["nothing", "a command that nobody knows", "an answer to nothing", "a request that is not for us"],
)
async def test_an_answer_without_a_body_counts_and_what_nobody_asked_for_ends_nothing(
    unasked: tuple[bytes, ...],
) -> None:
    async with raw_smsc(1375, *unasked) as port, bound(port) as channel:
        for _ in range(2):
            answer = await channel.submit(letter("+84900000001"))
            assert (answer.fate, answer.code) == (Fate.TRY_AGAIN, "0x0000055F")
        assert channel.waits_for is None
