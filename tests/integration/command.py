"""The `buuta` command as a person runs it, on the test's broker and database."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from buuta.settings import SharedSettings

COMMAND = (sys.executable, "-c", "from buuta.cli.main import main; main()")

EACH = """
import contextlib, io, json, sys
from buuta.cli.main import main
ran = []
for arguments in json.loads(sys.argv[1]):
    sys.argv, said, code = ["buuta", *arguments], io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    ran.append((code, said.getvalue()))
print(json.dumps(ran))
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    said: str


def _environment(settings: SharedSettings) -> dict[str, str]:
    values = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in settings.model_dump(exclude={"log_level"}).items()
    }
    env = {f"BUUTA_{name.upper()}": str(value) for name, value in values.items() if value is not None}
    return {**os.environ, **env, "COLUMNS": "200"}


async def buuta_each(settings: SharedSettings, commands: Sequence[Sequence[str]]) -> list[Ran]:
    """Run many commands, one after the other in one process: loading what they stand on takes seconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", EACH, json.dumps(commands), env=_environment(settings),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return [Ran(code, text) for code, text in json.loads(said)]


async def buuta(settings: SharedSettings, *arguments: str) -> Ran:
    """Run a command to its end; what it prints to either stream is one text."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env=_environment(settings),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return Ran(process.returncode or 0, said.decode())
