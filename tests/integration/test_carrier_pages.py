"""The commands of `docs/carriers/`, typed as they stand there, at a running ingest."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from buuta.settings import SharedSettings
from buuta.telemetry.service import http
from services.ingest.app import wire
from services.ingest.carriers import RECIPES
from services.ingest.domain.recipe import Recipe
from services.ingest.jobs import FORMAT
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from tests.golden import PAIRS, named
from tests.integration.command import buuta
from tests.integration.doors import add_carrier, log, ready
from tests.waiting import until

PAGES = Path(__file__).parents[2] / "docs" / "carriers"


async def typed(command: str, **variables: str) -> str:
    process = await asyncio.create_subprocess_shell(
        command, env={**os.environ, **variables}, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return said.decode()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=named)
async def test_the_commands_of_a_page_bring_scans_in(
    settings: SharedSettings, pool: Any, recipe: Recipe
) -> None:
    key, token = await add_carrier(pool, Carrier("carrier", recipe.title, recipe.format))
    own = IngestSettings(**settings.model_dump() | {"port": 0})
    async with (
        wire(own) as (app, _),
        http(app, own) as port,
        httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client,
    ):
        await until(lambda: ready(client), "ingest is ready")
        commands = re.findall(r"```sh\n(.*?)```", (PAGES / f"{recipe.format}.md").read_text(), re.DOTALL)
        for command in commands:
            said = await typed(command, INGEST=f"http://127.0.0.1:{port}", KEY=key, TOKEN=token)
            assert "copy_differs" not in said, said
            assert "accepted" in said or '"success"' in said or "/epcis/capture/" in said, said
        assert len(commands) == (2 if recipe.webhook or recipe.format == FORMAT else 1)

        async def all_came() -> bool:
            return len(await log(settings)) == len(commands)

        await until(all_came, "each command brought one scan into the log")


async def test_a_check_can_go_through_a_sandbox_key_of_a_running_ingest(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    _, token = await add_carrier(pool, Carrier("vtp", "Viettel Post", "viettelpost"))
    own = IngestSettings(**settings.model_dump() | {"port": 0})
    golden = Path(__file__).parents[2] / "services/ingest/carriers/viettelpost/golden.json"
    samples = tmp_path / "samples.json"
    payloads = [pair["payload"] for pair in json.loads(golden.read_text())]
    samples.write_text(json.dumps(payloads))
    async with wire(own) as (app, _), http(app, own) as port:
        arguments = ("carrier", "check", "--format", "viettelpost", "--file", str(samples))
        ran = await buuta(settings, *arguments, "--url", f"http://127.0.0.1:{port}", "--key", token)
    assert f"{len(payloads)} sent, 0 answered otherwise" in ran.said, ran.said
    assert ran.code == 2, "two samples would be refused"


@pytest.mark.parametrize("format_name", ["epcis", "buuta"])
async def test_a_format_without_a_webhook_is_checked_by_its_own_door(
    settings: SharedSettings, pool: Any, tmp_path: Path, format_name: str
) -> None:
    await add_carrier(pool, Carrier("trial", "On trial", format_name))
    made = await buuta(settings, "carrier", "key", "add", "trial", "--sandbox")
    key = f"bk_{made.said.split('bk_', 1)[1].split()[0]}"
    own = IngestSettings(**settings.model_dump() | {"port": 0})
    pairs = [pair.payload for own, pair in PAIRS if own.format == format_name and pair.payload]
    samples = tmp_path / "samples.json"
    samples.write_text(json.dumps(pairs))
    async with wire(own) as (app, _), http(app, own) as port:
        arguments = ("carrier", "check", "--format", format_name, "--file", str(samples))
        ran = await buuta(settings, *arguments, "--url", f"http://127.0.0.1:{port}", "--key", key)
    assert f"{len(pairs)} sent, 0 answered otherwise" in ran.said, ran.said
    assert await log(settings) == []
