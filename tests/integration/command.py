"""The `buuta` command as a person runs it, on the test's broker and database."""

import asyncio
import os
import sys
from dataclasses import dataclass

from pydantic import SecretStr

from buuta.settings import SharedSettings

COMMAND = (sys.executable, "-c", "from buuta.cli.main import main; main()")


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    said: str


async def buuta(settings: SharedSettings, *arguments: str) -> Ran:
    """Run a command to its end; what it prints to either stream is one text."""
    values = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in settings.model_dump().items()
    }
    env = {f"BUUTA_{name.upper()}": str(value) for name, value in values.items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env={**os.environ, **env, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return Ran(process.returncode or 0, said.decode())
