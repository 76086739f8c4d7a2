"""What commands say when something is wrong: a sentence and an exit code, never a Python traceback or nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import PostgresDsn

from buuta.settings import SharedSettings
from services.ingest.storage import Carrier, add_carrier
from services.portal.storage import add_shipper
from tests.integration.command import buuta_each

ASKING = (
    ("migrate",), ("carrier", "list"), ("carrier", "key", "list"), ("carrier", "add", "vnp", "--name", "x"),
    ("carrier", "key", "rotate", "vnp"), ("carrier", "polls"), ("carrier", "report"), ("carrier", "gaps"),
    ("carrier", "export"), ("shipper", "list"), ("shipper", "add", "shop", "--name", "x"),
    ("shipper", "unconfirmed"),
    ("shipper", "link", "shop", "vnp"), ("operator", "list"), ("operator", "add", "desk"), ("facility", "unknown"),
    ("keys", "status"), ("quarantine", "list"), ("quarantine", "map", "ghn", "x", "--no-movement"), ("findings",),
    ("details", "ghn/Z82BS"), ("forget", "ghn/Z82BS"), ("dead-letters", "list"), ("stuck", "list"),
    ("partitions", "list"), ("partitions", "pause", "tracker", "1"), ("messages", "held"), ("messages", "stop"),
    ("rebuild",), ("rates", "recompute", "--from-log"), ("rates", "publish"), ("retention", "run"),
)  # fmt: skip
CLASSES = re.compile(r"Traceback|\w(Error|Exception)\b|gaierror|asyncpg|aiokafka|httpx")
AWAY = {
    "postgresql://u:hunter2@127.0.0.1:1/buuta": "nothing listens there",
    "postgresql://u:hunter2@nowhere.invalid/buuta": "(no host of that name is known|there was no answer in time)",
}
NOBODY = (
    (("carrier", "key", "list", "vpn"), "no carrier 'vpn'; did you mean vnp?"),
    (("carrier", "key", "changes", "nobody"), "no carrier 'nobody': buuta carrier list shows them"),
    (("carrier", "key", "rotate", "nobody"), "no carrier 'nobody'"),
    (("carrier", "key", "revoke", "nobody", "1"), "no carrier 'nobody'"),
    (("shipper", "key", "list", "shp"), "no shipper 'shp'; did you mean shop?"),
    (("shipper", "key", "changes", "nobody"), "no shipper 'nobody'"),
    (("shipper", "link", "nobody", "vnp"), "no shipper 'nobody'"),
    (("shipper", "link", "shop", "nobody"), "no carrier 'nobody'"),
    (("shipper", "unlink", "shop", "nobody"), "no carrier 'nobody'"),
    (("shipper", "confirm", "nobody/X1", "shop"), "no carrier 'nobody'"),
    (("shipper", "confirm", "vnp/X1", "nobody"), "no shipper 'nobody'"),
    (("shipper", "unconfirmed", "--carrier", "nobody"), "no carrier 'nobody'"),
    (("operator", "key", "list", "nobody"), "no operator 'nobody'"), (("operator", "end", "nobody"), "no operator"),
    (("findings", "--carrier", "nobody"), "no carrier 'nobody'"),
    (("quarantine", "list", "--carrier", "nobody"), "no carrier 'nobody'"),
    (("quarantine", "replay", "--carrier", "nobody"), "no carrier 'nobody'"),
    (("quarantine", "drop", "--carrier", "nobody", "--why", "x"), "no carrier 'nobody'"),
    (("quarantine", "drop", "--number", "9", "--why", "x"), "no such report waits"),
    (("details", "vnp/NOPE"), "there is no parcel vnp/NOPE"), (("details", "nobody/X1"), "no carrier 'nobody'"),
    (("forget", "vnp/NOPE"), "nothing is known of vnp/NOPE"), (("forget", "nobody/X1"), "no carrier 'nobody'"),
    (("messages", "release", "3f2b7f0e-8a4e-4f3d-9f5e-0d9f6c1f2a11"), "0 of 1 messages leave now"),
    (("stuck", "retry", "nothing"), "nothing has nothing set aside"),
    (("partitions", "pause", "tracker", "77"), "tracker has no partition 77"),
    (("operator", "add", "desk"), "operator 'desk' exists and has a valid key"),
)  # fmt: skip


@pytest.mark.parametrize("address", AWAY)
async def test_a_database_that_is_away_is_a_sentence_of_every_command(
    settings: SharedSettings, address: str
) -> None:
    away = settings.model_copy(update={"database": PostgresDsn(address)})
    commands = [each for each in ASKING if each[0] != "dead-letters"]
    for command, ran in zip(commands, await buuta_each(away, commands), strict=True):
        assert ran.code == 2, command
        assert re.search(f"PostgreSQL does not answer: {AWAY[address]}", ran.said), (command, ran.said)
        assert not CLASSES.search(ran.said), (command, ran.said)
        assert "hunter2" not in ran.said


async def test_a_database_that_refuses_or_is_not_migrated_is_a_sentence(
    settings: SharedSettings, pool: Any
) -> None:
    none = str(settings.database).rsplit("/", 1)[0] + "/nowhere"
    [missing] = await buuta_each(
        settings.model_copy(update={"database": PostgresDsn(none)}), [("carrier", "list")]
    )
    assert (missing.code, "no database of that name" in missing.said) == (2, True), missing.said
    await pool.execute("create schema empty")
    bare = f"{settings.database}?options=-csearch_path%3Dempty"
    ran = await buuta_each(settings.model_copy(update={"database": PostgresDsn(bare)}), ASKING[1:4])
    for each in ran:
        assert (each.code, "run buuta migrate" in each.said) == (2, True), each.said
        assert not CLASSES.search(each.said)


async def test_a_kafka_that_is_away_is_a_sentence(
    settings: SharedSettings, pool: Any, tmp_path: Path
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    scans = tmp_path / "scans.csv"
    scans.write_text("number,code,occurred_at\n")
    commands = (
        ("topics", "create"), ("dead-letters", "list"), ("partitions", "copy", "a", "b", "--partitions", "8"),
        ("quarantine", "replay"), ("rebuild",), ("ingest", "file", str(scans), "--carrier", "vnp"),
        ("log", "archive", str(tmp_path / "archive")),
    )  # fmt: skip
    away = settings.model_copy(update={"kafka": "127.0.0.1:1", "kafka_timeout": 1.0})
    for command, ran in zip(commands, await buuta_each(away, commands), strict=True):
        assert ran.code == 2, (command, ran.said)
        assert re.search(r"Is BUUTA_KAFKA right\?", ran.said), (command, ran.said)
        assert not CLASSES.search(ran.said), (command, ran.said)


async def test_a_name_that_does_not_exist_is_said_so_and_never_answered_with_nothing(
    settings: SharedSettings, pool: Any
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    await add_shipper(pool, "shop", "Shop")
    await buuta_each(settings, [("operator", "add", "desk")])
    said = await buuta_each(settings, [command for command, _ in NOBODY])
    for (command, says), ran in zip(NOBODY, said, strict=True):
        assert (ran.code, says in ran.said) == (1, True), (command, ran.said)


async def test_keys_have_one_scheme_of_names_and_old_names_go_on(
    settings: SharedSettings, pool: Any
) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    await add_shipper(pool, "shop", "Shop")
    kinds = (("carrier", "vnp"), ("shipper", "shop"), ("operator", "desk"))
    made = await buuta_each(settings, [("operator", "add", "desk"), ("carrier", "key", "add", "vnp")])
    assert [each.code for each in made] == [0, 0]
    for kind, name in kinds:
        verbs = [(kind, "key", verb, name) for verb in ("add", "rotate", "list", "changes")]
        ran = await buuta_each(settings, [*verbs, (kind, "key", "revoke", name, "1")])
        assert all(each.code == 0 for each in ran[:4]), [each.said for each in ran]
        assert "The keys before it hold for 24 h more; --overlap-hours 0 ends them at once." in ran[1].said
    [old] = await buuta_each(settings, [("carrier", "rotate-key", "vnp")])
    assert (old.code, "deprecated" in old.said, "bk_" in old.said) == (0, True, True)


async def test_a_mapping_of_a_code_that_nobody_sent_is_warned_of(
    settings: SharedSettings, pool: Any
) -> None:
    [ran] = await buuta_each(
        settings, [("quarantine", "map", "ghn", "teleportd", "--no-movement", "--dry-run")]
    )
    assert "Warning: no report of ghn with the code 'teleportd' waits" in ran.said


HUGE = str(10**30)
ODD = (
    ("carrier", "key", "revoke", "vnp", HUGE), ("shipper", "key", "revoke", "shop", HUGE),
    ("operator", "key", "revoke", "desk", HUGE), ("quarantine", "show", HUGE), ("dead-letters", "show", HUGE),
    ("quarantine", "drop", "--number", HUGE, "--why", "x"), ("partitions", "pause", "tracker", HUGE),
    ("partitions", "resume", "tracker", "0", "--bury", HUGE), ("stuck", "list", "--most", HUGE),
    ("messages", "release", "no-uuid"), ("carrier", "key", "add", "vnp", "--days", HUGE),
    ("carrier", "key", "add", "vnp", "--per-day", HUGE),
    ("carrier", "key", "rotate", "vnp", "--overlap-hours", HUGE),
    ("shipper", "key", "add", "shop", "--days", HUGE),
    ("shipper", "key", "rotate", "shop", "--overlap-hours", HUGE),
    ("carrier", "report", "--days", HUGE), ("carrier", "sample", "ghn", "--minutes-ago", HUGE),
    ("carrier", "export", "/nowhere/x.csv"), ("carrier", "report", "--csv", "/nowhere/x.csv"),
    ("details", "vnp/" + "9" * 500), ("forget", "vnp/x/y"), ("shipper", "confirm", "vnp/\udcff", "shop"),
    ("shipper", "add", "new", "--name", "\udcff"), ("operator", "add", "\udcff"),
    ("carrier", "add", "zz", "--name", "\udcff"),
    ("quarantine", "map", "ghn", "\udcff", "--no-movement"), ("findings", "--carrier", "\udcff"),
    ("rates", "publish", "--until", "0001-01-01"), ("rates", "publish", "--until", "9999-12-31"),
    ("log", "archive", "/proc/nowhere"), ("carrier", "poll", "vnp", "--url", "http://[::1"),
    ("track", "ghn/Z82BS", "--portal", "http://127.0.0.1:1"), ("track", "ghn/Z82BS", "--portal", "no url"),
    ("facility", "import", "/etc/hostname", "--carrier", "vnp"), ("carrier", "import", "/bin/sh"),
    ("carrier", "check", "--format", "ghn", "--file", "/bin/sh"), ("ingest", "file", "/bin/sh", "--carrier", "vnp"),
)  # fmt: skip


async def test_no_argument_is_answered_with_a_traceback(settings: SharedSettings, pool: Any) -> None:
    await add_carrier(pool, Carrier("vnp", "VNPost", "buuta"))
    await add_shipper(pool, "shop", "Shop")
    await buuta_each(settings, [("operator", "add", "desk"), ("carrier", "key", "add", "vnp")])
    wrong = []
    for command, ran in zip(ODD, await buuta_each(settings, ODD), strict=True):
        if ran.code == 70 or CLASSES.search(ran.said):
            wrong.append((command, ran.code, ran.said[-900:]))
    assert not wrong, wrong
