"""Requests over keep-alive connections, as little work as can be: what is measured is the other side."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

HEAD_END: Final = b"\r\n\r\n"


def request(path: str, body: bytes, *headers: str) -> bytes:
    """A POST as it goes over the wire."""
    lines = (f"POST {path} HTTP/1.1", "Host: ingest", "Content-Type: application/json", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body


@dataclass
class Answers:
    """Seconds of each answer, and of all together."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.elapsed

    def quantile(self, share: float) -> float:
        """The seconds that this share of answers took at most."""
        return sorted(self.seconds)[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


class Connection:
    """One connection; a request that is not answered 200 ends the measure."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def answered(self, sent: bytes) -> bytes:
        """Send, and read the answer's body."""
        self._writer.write(sent)
        head = (await self._reader.readuntil(HEAD_END)).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"not accepted: {head.decode()}{body.decode()}")
        return body

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


async def as_fast_as_it_goes(port: int, requests: Sequence[bytes], connections: int) -> Answers:
    """Each connection sends the next as soon as the one before was answered."""
    answers, started = Answers(), time.perf_counter()

    async def one(mine: Iterable[bytes]) -> None:
        connection = await Connection.to(port)
        for sent in mine:
            at = time.perf_counter()
            await connection.answered(sent)
            answers.seconds.append(time.perf_counter() - at)
        connection.close()

    await asyncio.gather(*(one(requests[place::connections]) for place in range(connections)))
    answers.elapsed = time.perf_counter() - started
    return answers


async def at_rate(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Answers:
    """Each request when its time has come; an answer's seconds count from then, so that a queue is seen."""
    answers, started = Answers(), time.perf_counter()

    async def one(place: int) -> None:
        connection = await Connection.to(port)
        for number in range(place, len(requests), connections):
            due = started + number / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            await connection.answered(requests[number])
            answers.seconds.append(time.perf_counter() - due)
        connection.close()

    await asyncio.gather(*(one(place) for place in range(connections)))
    answers.elapsed = time.perf_counter() - started
    return answers
