""".env.example has every setting of every service once, with its meaning and the value that it has without."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from buuta.cli.config import FIRST, KINDS, env_example
from buuta.settings import SharedSettings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".env.example").read_text(encoding="utf-8")
LINES = TEXT.splitlines()


def test_it_is_what_the_command_prints() -> None:
    assert env_example() == TEXT, "buuta config --example > .env.example"


def test_it_has_every_setting_of_every_service_once_and_explained() -> None:
    named = re.findall(r"^#?BUUTA_([A-Z_0-9]+)=", TEXT, re.MULTILINE)
    assert sorted(named) == sorted({name.upper() for kind in KINDS for name in kind.model_fields})
    for place, line in enumerate(LINES):
        if re.match(r"#?BUUTA_", line):
            assert LINES[place - 1].startswith(("# ", "#BUUTA_PORT=")), line


def test_what_must_be_set_comes_first_and_nothing_else_is_set() -> None:
    assert [line.split("=")[0] for line in LINES if line.startswith("BUUTA_")] == [
        f"BUUTA_{name.upper()}" for name in FIRST
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_read_by_a_shell_it_says_what_is_so_without_it(
    kind: type[SharedSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = re.sub(r"^#(BUUTA_\w+=.+)$", r"\1", TEXT, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(every)
    shell = shutil.which("sh") or "sh"
    said = subprocess.run(
        [shell, "-c", "set -a; . ./.env; set +a; env"], cwd=tmp_path, env={}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    usual = kind()
    for name, value in (line.split("=", 1) for line in said.splitlines() if line.startswith("BUUTA_")):
        monkeypatch.setenv(name, value)
    assert "BUUTA_KAFKA" in os.environ
    read = kind()
    changed = {name for name in kind.model_fields if getattr(read, name) != getattr(usual, name)}
    assert changed <= {"environment", "database", "smpp_password", "replication"}
