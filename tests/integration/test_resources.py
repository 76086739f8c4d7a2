"""What the tracker stands on runs out, and comes back: it waits, says for what, and goes on by itself."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buuta.embedded.apache import ApacheCluster
from buuta.embedded.processes import free_port
from buuta.errors import KafkaAway
from buuta.settings import SharedSettings
from buuta.streaming.producer import Producer
from buuta.streaming.topics import create_topics
from buuta.telemetry.health import Readiness
from tests.integration.parts import chunk, worker
from tests.scans import scan
from tests.waiting import until


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 2 MB that PostgreSQL, which is another user, may write to; needs the right to mount."""
    disk = Path(tempfile.mkdtemp(prefix="buuta-disk-"))
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False).returncode
    ):
        disk.rmdir()
        pytest.skip("needs the right to mount a tmpfs")
    owner = pwd.getpwnam("nobody")
    os.chown(disk, owner.pw_uid, owner.pw_gid)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)
    shutil.rmtree(disk)


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)


async def test_postgresql_out_of_disk_is_waited_for_and_nothing_is_lost(
    settings: SharedSettings, pool: Any, small_disk: Path
) -> None:
    name = f"small_{os.getpid()}"
    await pool.execute(f"create tablespace {name} location '{small_disk}'")
    await pool.execute(f"alter table scans set tablespace {name}")
    await pool.execute(f"alter index scans_pkey set tablespace {name}")
    many = [scan("held", 0, f"N{each:06}") for each in range(12_000)]
    async with worker(settings, pool) as tracker:
        handling = asyncio.create_task(tracker.handle(chunk(settings, 0, many)))

        async def waits() -> bool:
            return "DiskFull" in tracker.parts.readiness.waiting.get("database", "")

        await until(waits, "readiness names the disk", 60)
        assert not handling.done()
        assert await pool.fetchval("select count(*) from scans") == 0
        enlarge(small_disk)
        await handling
        assert tracker.parts.readiness.waiting == {}
    assert await pool.fetchval("select count(*) from scans") == len(many)
    await pool.execute("alter table scans set tablespace pg_default")
    await pool.execute("alter index scans_pkey set tablespace pg_default")
    await pool.execute(f"drop tablespace {name}")


@pytest.mark.java
async def test_kafka_under_its_least_number_of_replicas_is_waited_for(
    settings: SharedSettings, tmp_path: Path
) -> None:
    """Two of three brokers must acknowledge; with one alone nothing is taken for told."""
    ports = [free_port() for _ in range(3)]
    cluster = ApacheCluster(tmp_path, ports, ports)
    own = settings.model_copy(
        update={"kafka": cluster.address, "kafka_idempotence": True, "replication": 3}
    )
    readiness = Readiness()
    producer = Producer(own, readiness)
    try:
        await create_topics(own)
        await producer.start()
        await producer.connected()
        await producer.send_to(own.milestones_topic, 0, [(b"k", b"before")])
        for node in cluster.nodes[1:]:
            node.kill()
        with pytest.raises(KafkaAway):
            await producer.send_to(own.milestones_topic, 0, [(b"k", b"alone")])
        assert "kafka" in readiness.waiting
        for node in cluster.nodes[1:]:
            node.start()

        async def acknowledged() -> bool:
            try:
                await producer.send_to(own.milestones_topic, 0, [(b"k", b"after")])
            except KafkaAway:
                return False
            return True

        await until(acknowledged, "two brokers acknowledge", 90)
        assert readiness.waiting == {}
    finally:
        await producer.stop()
        cluster.stop()
