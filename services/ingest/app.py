"""Ingest, wired: the only place that knows which parts it stands on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from buuta.contracts import registry
from buuta.model.times import DAY_MS
from buuta.storage import set_aside
from buuta.storage.background import Step, run_forever, running
from buuta.storage.bounded import LOAN_SECONDS, BoundedPool, Silence
from buuta.storage.pool import open_pool
from buuta.storage.unlocking import locked_vault, unlock_at_start, unlock_soon
from buuta.streaming.producer import Producer
from buuta.telemetry.health import Readiness
from buuta.web.edge import edge_app
from buuta.web.limits import HttpLimits
from buuta.web.operations import with_operations
from services.ingest.capture import earnest, sandbox
from services.ingest.carriers import all_recipes
from services.ingest.copies import QUICK_SECONDS
from services.ingest.domain.item import ScanItem
from services.ingest.domain.manifest import Manifest
from services.ingest.domain.recipe import Recipe
from services.ingest.doors import epcis, office, reading, scans, shippers, webhooks
from services.ingest.doors import manifests as manifest_door
from services.ingest.doors.gate import Gate, World, Worlds
from services.ingest.doors.kafka import KafkaDoor
from services.ingest.doors.polling import PollingDoor
from services.ingest.doors.sent import MOST_BYTES
from services.ingest.quarantine import held
from services.ingest.quarantine.desk import Way
from services.ingest.quarantine.replay import Keys
from services.ingest.quarantine.shelter import Shelter, Topic
from services.ingest.records import RealRecords, SandboxRecords
from services.ingest.registry import manifests
from services.ingest.registry.keyring import Keyring
from services.ingest.registry.signatures import Signatures
from services.ingest.registry.tally import measure_silence
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool, enqueue
from services.ingest.target import RecipeBook
from services.ingest.wiring import FOLLOW_SECONDS, Ground, Pools, build_intake, build_sandbox

PATIENT: Final = 5
"""So many times a request's patience has what honestly takes longer: a capture, a batch."""


def build(settings: IngestSettings, gate: Gate, more: Sequence[APIRouter], readiness: Readiness) -> FastAPI:
    """The HTTP app of ingest."""
    limits = HttpLimits(max(settings.ingest_body_bytes, MOST_BYTES), settings.ingest_inside_bytes)
    app = edge_app("Buuta ingest", "Carriers report scans here.", limits)
    # First, since most requests are of one report, and routes are tried in their order.
    app.router.routes.insert(0, webhooks.route(gate))
    app.include_router(scans.router(gate, settings.ingest_body_bytes, settings.ingest_items))
    for routes in more:
        app.include_router(routes)
    rules = ",".join(f"{each.format}-{each.version}" for each in gate.recipes.values())
    app.openapi = lambda: _openapi(app, gate.recipes)  # type: ignore[method-assign]
    return with_operations(app, "ingest", readiness, rules, docs=settings.public_docs)


def _openapi(app: FastAPI, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """The generated description, with what the doors read by themselves: webhooks, a batch's item, a manifest."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        described["paths"].update(webhooks.described(recipes.values()))
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for model in (ScanItem, Manifest):
            item = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(item.pop("$defs", {}))
            schemas[model.__name__] = item
        app.openapi_schema = described
    return app.openapi_schema


@contextlib.asynccontextmanager
async def wire(settings: IngestSettings) -> AsyncIterator[tuple[Any, "asyncio.Future[None]"]]:
    """The running service: its HTTP app, and a future that fails when it cannot go on."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    readiness = Readiness.any_of("database", "kafka")
    vault = locked_vault(settings)
    patience = min(settings.ingest_patience, settings.kafka_timeout)
    producer = Producer(settings.model_copy(update={"kafka_timeout": patience}), readiness)
    async with (
        open_pool(settings, "ingest", readiness) as pool,
        registry.opened(settings.schema_registry_url) as codec,
    ):
        await unlock_at_start(pool, vault)
        await producer.start()
        edge = BoundedPool(pool, settings.database_timeout, Silence(str(settings.database)))
        patient, background = edge.patient(settings.database_timeout * PATIENT), edge.patient(LOAN_SECONDS)
        recipes = all_recipes(settings.ingest_recipes)
        send = partial(producer.send_keyed, settings.events_topic)
        spool = Spool(background, send, settings.ingest_spool, edge, codec)
        shelter = Shelter(
            background, vault, Topic(settings.quarantine_topic, settings.kafka, producer), edge
        )
        book, keyring = RecipeBook(recipes), Keyring(edge, vault, settings.database_timeout)
        pools = Pools(background, edge, patient, edge.patient(QUICK_SECONDS))
        ground = Ground(pools, vault, codec, spool.put, shelter.keep, book)
        wired, trial = build_intake(ground), build_sandbox(ground)
        real = wired.intake
        records = RealRecords(edge, vault, settings.epoch_gap_days * DAY_MS)
        worlds = Worlds(
            World(real, records, earnest(real, enqueue, spool.room)),
            World(trial, SandboxRecords(), sandbox(trial)),
        )
        gate = Gate(worlds, keyring, Signatures(edge), settings.ingest_inside_bytes)
        limits = epcis.Limits(settings.ingest_body_bytes, settings.ingest_items)
        kafka_door = KafkaDoor(settings.kafka, real, codec)
        follow: dict[str, Step] = {
            **wired.follow, "quarantine": partial(held.measure, background), "key_usage": keyring.write_down,
            "silence": partial(measure_silence, background), "manifests": partial(manifests.check, background),
            "set_aside": partial(set_aside.measure, background),
        }  # fmt: skip
        asking = PollingDoor(real, vault, near=settings.ingest_poll_near)
        work = [keyring.run(), spool.run(), shelter.run(), asking.run(), unlock_soon(pool, vault, failed)]
        # Each by itself: one that fails, or that hangs, starves no other.
        work += [run_forever(name, step, FOLLOW_SECONDS) for name, step in follow.items()]
        if settings.ingest_kafka_door:
            work.append(kafka_door.run())
        try:
            more = [
                office.router(office.Office(Keys(vault, codec), edge, Way(spool.put, wired.keeping.take), book)),
                reading.router(gate), manifest_door.router(gate), shippers.router(gate),
                epcis.router(gate, limits),
            ]  # fmt: skip
            async with running(*work):
                yield build(settings, gate, more, readiness), failed
        finally:
            await producer.stop()
