"""A schema registry: what Buuta needs of one, on a real Apicurio."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from buuta.contracts.codec import Codec
from buuta.contracts.columns import decode_chunk
from buuta.contracts.registry import opened
from buuta.contracts.schemas import NAMES
from buuta.embedded.apicurio import Apicurio
from buuta.embedded.processes import free_port
from buuta.errors import Retry
from tests.scans import scan
from tests.waiting import until


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running = Apicurio(tmp_path_factory.mktemp("apicurio"))
    yield running.url
    running.stop()


async def answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{url}/subjects")).status_code == 200


def event() -> dict[str, Any]:
    return scan("delivered")._asdict()


@pytest.mark.java21
async def test_with_a_registry_the_wire_is_confluents_and_another_reader_learns_the_number(
    registry: str,
) -> None:
    await until(lambda: answers(registry), "Apicurio answers", 60)
    async with opened(registry) as writer, opened(registry) as again:
        values = [writer.encode(name, event()) for name in NAMES if name == "ScanEvent"]
        assert values[0][:1] == b"\x00"
        assert again.encode("ScanEvent", event()) == values[0], "registered twice is one number"
        both: list[bytes | None] = [*values, Codec().encode("ScanEvent", event())]
        await again.learn(both)
        decoded = decode_chunk(again, both)
        assert not decoded.dead
        assert sum(len(group.places) for group in decoded.groups) == 2


@pytest.mark.java21
async def test_a_number_that_the_registry_does_not_know_is_a_dead_letter_and_not_a_guess(
    registry: str,
) -> None:
    await until(lambda: answers(registry), "Apicurio answers", 60)
    async with opened(registry) as codec:
        value = b"\x00" + (999_999).to_bytes(4, "big") + b"x"
        await codec.learn([value])
        assert "999999" in decode_chunk(codec, [value]).dead[0]


async def test_a_registry_that_is_away_is_waited_for() -> None:
    with pytest.raises(Retry, match="the schema registry does not answer: nothing listens there"):
        async with asyncio.timeout(20), opened(f"http://127.0.0.1:{free_port()}"):
            pass
