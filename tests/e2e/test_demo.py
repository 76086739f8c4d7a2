"""The command itself: a short demo ends by itself and balances."""

import json
import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from buuta.cli.main import app

BUUTA = [sys.executable, "-c", "from buuta.cli.main import main; main()"]


@pytest.mark.timeout(300)
def test_a_short_demo_balances_and_prints_its_reconciliation_as_json() -> None:
    done = subprocess.run(
        [*BUUTA, "demo", "--duration", "6", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert outcome["balanced"] is True
    assert outcome["accepted"] == outcome["in_history"] > 100
    assert outcome["duplicate"] > 0
    assert outcome["received"]["sms"] > 0
    assert outcome["received"]["email"] > 0
    rate = outcome["rate"]
    assert 0 < rate["at_least"] < rate["at_most"] < 1, "what nobody says is said to be unknown"
    assert "Tracking page" in done.stderr


@pytest.mark.timeout(300)
def test_ctrl_c_ends_the_demo_cleanly() -> None:
    """A terminal's Ctrl-C reaches every process of the command's group."""
    process = subprocess.Popen(
        [*BUUTA, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "export SHOP=" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=200)
    assert process.returncode == 0, rest[-3000:]
    assert "Nothing was lost or doubled." in rest


@pytest.mark.parametrize("command", ["ingest", "tracker", "notifier", "portal"])
def test_a_wrong_setting_is_named_before_anything_starts(command: str) -> None:
    done = subprocess.run(
        [*BUUTA, command], capture_output=True, text=True, check=False, env={"BUUTA_PARTITIONS": "many"}
    )
    assert done.returncode == 2
    assert "BUUTA_PARTITIONS is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


COMMANDS = (
    "demo", "ingest", "ingest file", "tracker", "notifier", "portal", "migrate", "topics create", "carrier add",
    "carrier list", "carrier key rotate", "shipper add", "config", "track", "messages in-doubt",
    "messages unsent", "messages stop",
    "partitions list", "partitions pause", "partitions resume", "findings",
    "dead-letters list", "dead-letters show", "dead-letters replay",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_teaches(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert len(shown.stdout) > 200


def test_a_database_that_is_away_is_one_sentence() -> None:
    done = subprocess.run(
        [*BUUTA, "carrier", "list"], capture_output=True, text=True, check=False,
        env={"BUUTA_DATABASE": "postgresql://postgres@127.0.0.1:1/none"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "PostgreSQL does not answer" in done.stderr
    assert "Traceback" not in done.stderr
