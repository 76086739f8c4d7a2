"""One broker and one database for the session, from wheels; tests tell themselves apart by names."""

import contextlib
import shutil
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import hypothesis
import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from xdist.scheduler import LoadScopeScheduling

from buuta.embedded import apicurio, maven
from buuta.embedded.broker import EmbeddedBroker
from buuta.embedded.database import EmbeddedDatabase
from buuta.settings import SharedSettings
from buuta.storage.migrate import migrate
from buuta.streaming.topics import create_topics
from tests.guards import Watch

# As plain as the services' own: drawing a traceback in colours takes longer than a loop may be blocked.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
# A busy machine is no slow code: what must be bounded is counted in steps, by tests of its own.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

# faust and mode, at import and at shutdown, on a loop that pytest owns.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(faust|mode)\..*")


STACKS: Final = ("tests/chaos/", "tests/e2e/")
"""Tests of whole stacks, which fill a core and count seconds: one at a time, by whatever number of workers."""


class Files(LoadScopeScheduling):  # type: ignore[misc]
    """Which tests one worker runs: those of a file, and those of all whole stacks."""

    def _split_scope(self, nodeid: str) -> str:
        return "stacks" if nodeid.startswith(STACKS) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    """Share the tests out among `make test`'s workers."""
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine has no tools for, and say which."""
    tools = {
        "java": (maven.available(), "needs Java 17 and Maven"),
        "java21": (apicurio.runs_here(), "needs Java 21 and Maven"),
        "browser": (shutil.which("chromium") is not None, "needs Chromium"),
    }
    for item in items:
        for name, (here, reason) in tools.items():
            if item.get_closest_marker(name) and not here:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def watch() -> Iterator[Watch]:
    """The guards over all event loops, transactions and pools of this process."""
    made = Watch()
    made.install()
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def guarded(request: pytest.FixtureRequest, watch: Watch) -> Iterator[None]:
    """Fail a test in which a service blocked its loop, left a transaction idle or nested acquires."""
    yield
    against = watch.verdict(request.node.nodeid)
    if against:
        pytest.fail(against, pytrace=False)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap server of the embedded broker."""
    running = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    yield running.address
    running.stop()


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """DSN of the embedded PostgreSQL."""
    running = EmbeddedDatabase(durable=False)
    yield running.url
    running.close()


@pytest.fixture(scope="session")
async def migrated(database: str) -> str:
    """The name of a database at its newest, from which those of the tests are copied."""
    name = "migrated"
    admin = await asyncpg.connect(database)
    await admin.execute(f"create database {name}")
    await admin.close()
    con = await asyncpg.connect(on(database, name))
    await migrate(con)
    await con.close()
    return name


def on(server: str, name: str) -> str:
    """The DSN of another database of the same server."""
    return f"{server.rsplit('/', 1)[0]}/{name}"


@contextlib.asynccontextmanager
async def topics_deleted(broker: str) -> AsyncIterator[None]:
    """Deletes the topics that were made in the block: each one makes this broker slower for all others."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        before = set(await admin.list_topics())
        yield
        if made := set(await admin.list_topics()) - before:
            await admin.delete_topics(sorted(made))
    finally:
        await admin.close()


@pytest.fixture
async def settings(broker: str, database: str, migrated: str) -> AsyncIterator[SharedSettings]:
    """Settings on a database of the test's own and topics that nobody else uses."""
    admin = await asyncpg.connect(database)
    name = f"test_{uuid.uuid4().hex[:12]}"
    await admin.execute(f'create database "{name}" template {migrated}')
    own = SharedSettings(
        kafka=broker,
        kafka_idempotence=False,
        kafka_session_timeout=6,
        database=on(database, name),
        events_topic=f"events-{name}",
        milestones_topic=f"milestones-{name}",
        notifications_topic=f"notifications-{name}",
        rates_topic=f"rates-{name}",
        parcels_topic=f"parcels-{name}",
        dead_letters_topic=f"dead-{name}",
        quarantine_topic=f"quarantine-{name}",
        partitions=2,
        # A machine that is busy with other tests is slow, and not silent.
        database_timeout=20,
        master_key="11" * 32,
    )
    async with topics_deleted(broker):
        await create_topics(own)
        yield own
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


@pytest.fixture
async def pool(settings: SharedSettings) -> AsyncIterator[Any]:
    """A plain pool on the test's database."""
    async with asyncpg.create_pool(str(settings.database), min_size=0, max_size=8) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the test's own."""
    return tmp_path
