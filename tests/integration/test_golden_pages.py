"""Every golden pair, through the HTTP door of its format, onto the parcel's tracking page."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx
import pytest

from buuta.contracts.codec import Codec
from buuta.model.scan import Scan
from buuta.model.ways import stands_for
from buuta.settings import SharedSettings
from services.ingest.app import wire as wire_ingest
from services.ingest.carriers import RECIPES
from services.ingest.domain.document import document_of
from services.ingest.domain.recipe import Recipe
from services.ingest.doors import epcis, webhooks
from services.ingest.doors import scans as batches
from services.ingest.jobs import FORMAT
from services.ingest.settings import IngestSettings
from services.ingest.storage import Carrier
from services.portal.app import wire as wire_portal
from services.portal.settings import PortalSettings
from tests.golden import PAIRS, Pair, named
from tests.integration.doors import add_carrier, ready, spool_is_empty
from tests.integration.parts import EMPTY, chunk, everything, worker
from tests.unit.test_golden import became
from tests.waiting import until


def request(recipe: Recipe, pair: Pair, key: str, token: str) -> tuple[str, bytes, Mapping[str, str]]:
    """Where a pair is sent, what, and with which headers."""
    bearer = {"Authorization": f"Bearer {key}"}
    if recipe.webhook is not None:
        return f"/v1/webhooks/{token}/{recipe.format}", pair.content, pair.headers
    if recipe.format == FORMAT:
        return "/epcis/capture", json.dumps(document_of([pair.payload])).encode(), bearer
    return "/v1/scans", json.dumps([pair.payload]).encode(), bearer


BY_HTTP = [
    each for each in RECIPES.values() if each.webhook is not None or each.format in (FORMAT, "buuta")
]
"""The others come as files, whose pairs `test_formats.py` takes in."""


@pytest.mark.parametrize("recipe", BY_HTTP, ids=named)
async def test_golden_pairs_reach_their_tracking_pages(
    settings: SharedSettings, pool: Any, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendors' samples are years old, and what is older than a year steers nothing: it is their minute then."""
    carrier = Carrier(recipe.format, recipe.title, recipe.format)
    key, token = await add_carrier(pool, carrier)
    pairs = [
        pair for own, pair in PAIRS if own is recipe and pair.scan and "correction_kind" not in pair.scan
    ]
    scans = {pair.name: scan for pair in pairs if isinstance(scan := became(recipe, pair), Scan)}
    async with (
        wire_ingest(IngestSettings(**settings.model_dump() | {"ingest_patience": 10.0})) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as client,
    ):
        await until(lambda: ready(client), "ingest is ready")
        for pair in pairs:
            path, body, headers = request(recipe, pair, key, token)
            at = scans[pair.name].occurred_at + 60_000
            for door in (webhooks, batches, epcis):
                monkeypatch.setattr(door, "now_ms", partial(int, at))
            answer = await client.post(path, content=body, headers=dict(headers))
            assert answer.status_code in (200, 202), (pair.name, answer.text)

        await spool_is_empty(settings)
    records = await everything(settings, settings.events_topic, range(settings.partitions))
    values = {Codec().decode(record.value)[1]["event_id"]: record.value for record in records}
    async with (
        wire_portal(PortalSettings(**settings.model_dump())) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://portal") as client,
    ):
        for pair in pairs:
            # The samples use one number over and over, in years far apart: each is looked at alone.
            await pool.execute(f"{EMPTY}; truncate progress")
            async with worker(settings, pool) as tracker:
                await tracker.handle(chunk(settings, 0, [values[scans[pair.name].event_id]]))
            await shows(client, f"{recipe.format}/{scans[pair.name].number}", pair)


async def shows(client: httpx.AsyncClient, parcel: str, pair: Pair) -> None:
    """The page and its JSON show what the pair's scan says."""
    timeline = (await client.get(f"/v1/parcels/{parcel}")).json()["timeline"]
    wanted = {name: pair.scan[name] for name in ("status", "provisional") if name in pair.scan}
    if "status" in wanted:
        wanted["status"] = stands_for(wanted["status"], pair.scan.get("direction"))
    assert any(wanted.items() <= entry.items() for entry in timeline), (pair.name, wanted, timeline)
    page = await client.get(f"/t/{parcel}")
    assert page.status_code == 200
    assert parcel.partition("/")[2] in page.text
