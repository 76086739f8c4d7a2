"""What a command finds in its surroundings: a mistyped variable would have it work elsewhere than is meant."""

import os

import typer

from buuta.settings import strangers


def tell() -> None:
    """Tell the names of no setting on standard error; services do it in their logs, `buuta config` at its end."""
    for sentence in strangers(os.environ):
        typer.echo(sentence, err=True)
