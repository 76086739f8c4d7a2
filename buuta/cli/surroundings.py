"""What a command finds in its surroundings: a mistyped variable would have it work elsewhere than is meant."""

import os
from typing import Final, get_args

import typer

from buuta.settings import SharedSettings, strangers

LEVELS: Final = get_args(SharedSettings.model_fields["log_level"].annotation)


def log_level(usual: str) -> str:
    """The level that is asked for, or the usual one: a person reads the command's words and not its logs."""
    asked = os.environ.get("BUUTA_LOG_LEVEL", "")
    return asked if asked in LEVELS else usual


def tell() -> None:
    """Tell the names of no setting on standard error; services do it in their logs, `buuta config` at its end."""
    for sentence in strangers(os.environ):
        typer.echo(sentence, err=True)
