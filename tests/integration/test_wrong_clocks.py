"""Real processes whose clock is wrong: what they say of themselves, and what they do not do to others."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from buuta.demo.stack import Stack, running
from tests.waiting import until

ROOT = Path(__file__).parents[2]
THREE_DAYS = 3 * 86_400
ELEVEN_MINUTES = 660
TOMORROW, YESTERDAY = "+84911111111", "+84922222222"
"""Whom a parcel goes to, by when it was promised."""


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    services, often = ("ingest", "notifier", "portal"), {"BUUTA_SWEEP_INTERVAL": "0.3"}
    async with running(services, durable=False, preferred={}, more=often) as made:
        yield made


def start(stack: Stack, service: str, name: str, ahead: float) -> None:
    """Start a service whose clock is so many seconds ahead, or behind."""
    env = stack.env
    path = f"{ROOT / 'tests/shifted'}:{ROOT}"
    stack.env = {**env, "PYTHONPATH": path, "SHIFT_SECONDS": str(ahead)}
    stack.start(service, name)
    stack.env = env


async def says(stack: Stack, http: httpx.AsyncClient, name: str, sentence: str) -> bool:
    """Whether a service is not ready since its clock is wrong, and says so."""
    try:
        answer = await http.get(f"{stack.operations(name)}/health/ready")
    except httpx.HTTPError:
        return False
    return answer.status_code == 503 and sentence in answer.json()["waits_for"].get("clock", "")


async def under_way(stack: Stack, http: httpx.AsyncClient, phone: str, promised_at: datetime) -> None:
    """Register a parcel, and report that it was accepted just now."""
    parcel: dict[str, Any] = {"carrier": "vnp", "number": f"CLOCK{phone[-5:]}"}
    key = {"Authorization": f"Bearer {stack.shipper_key}"}
    said = {**parcel, "recipient": {"phone": phone}, "promised_at": promised_at.isoformat()}
    (await http.post(f"{stack.url('portal')}/v1/parcels", headers=key, json=said)).raise_for_status()
    key = {"Authorization": f"Bearer {stack.keys['vnp'][0]}"}
    scan = {"number": parcel["number"], "code": "accepted", "occurred_at": datetime.now(UTC).isoformat()}
    answer = await http.post(f"{stack.url('ingest')}/v1/scans", headers=key, json=[scan])
    assert (answer.status_code, [each["result"] for each in answer.json()]) == (200, ["accepted"]), (
        answer.text
    )


def heard(stack: Stack) -> Counter[str]:
    """How many messages each had."""
    return Counter(f"+{number.lstrip('+')}" for number, _ in stack.sms.texts)


@pytest.mark.timeout(300)
async def test_a_tracker_three_days_ahead_tells_of_no_delay_that_is_none_and_silences_nobody(
    stack: Stack,
) -> None:
    start(stack, "tracker", "tracker", THREE_DAYS)
    now = datetime.now(UTC)
    async with httpx.AsyncClient(timeout=60) as http:
        await under_way(stack, http, TOMORROW, now + timedelta(days=1))
        await under_way(stack, http, YESTERDAY, now - timedelta(days=1))
        sentence = f"{THREE_DAYS} s ahead of PostgreSQL's"
        await until(partial(says, stack, http, "tracker", sentence), "the tracker names its clock", 90)

    async def told() -> bool:
        return heard(stack)[YESTERDAY] == 2 and heard(stack)[TOMORROW] >= 1

    await until(told, f"both hear of the parcel, and one of its delay:\n{stack.tail('notifier')}", 90)
    assert heard(stack) == {YESTERDAY: 2, TOMORROW: 1}
    con = await asyncpg.connect(stack.database.url)
    try:
        rows = await con.fetch("select overdue from parcels order by parcel_key")
    finally:
        await con.close()
    assert [row["overdue"] for row in rows] == ["", "Y"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seconds", "way"), [(ELEVEN_MINUTES, "ahead of"), (-ELEVEN_MINUTES, "behind")])
async def test_an_ingest_eleven_minutes_off_is_not_ready_and_says_why(
    stack: Stack, seconds: int, way: str
) -> None:
    start(stack, "ingest", "off", seconds)
    async with httpx.AsyncClient(timeout=60) as http:
        sentence = f"{ELEVEN_MINUTES} s {way} PostgreSQL's"
        await until(partial(says, stack, http, "off", sentence), "ingest names its clock", 90)
        assert (await http.get(f"{stack.operations('ingest')}/health/ready")).status_code == 200
