"""Settings: what they are, what they mean, what may be a mistake, and a file of all of them to begin with."""

import os
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import typer
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from buuta.cli.listing import Json, Listing, show
from buuta.settings import PREFIX, SharedSettings, describe, doubts, load
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.portal.settings import PortalSettings
from services.tracker.settings import TrackerSettings

KINDS: Final = (IngestSettings, TrackerSettings, NotifierSettings, PortalSettings)
FIRST: Final = {
    "environment": "production", "kafka": "127.0.0.1:9092",
    "database": "postgresql://buuta:PASSWORD@127.0.0.1:5432/buuta", "master_key": "", "replication": "3",
    "portal_url": "http://127.0.0.1:8082", "smtp_host": "127.0.0.1", "mail_from": "buuta@example.vn",
    "smpp_host": "127.0.0.1", "smpp_system_id": "buuta", "smpp_password": "", "sms_sender": "BUUTA",
}  # fmt: skip
"""What somebody who runs it must set, in this order, and what stands there until then."""
OWN_PORTS: Final = ("port", "operations_port")
"""Other ones in each service: in a file that all have they would be the same."""
HEAD: Final = """\
Settings of Buuta, all of them, with what they are without this file. Copy it to .env and change what comes first;
the rest may stay. Each process wants it: `set -a; . ./.env; set +a`, or EnvironmentFile= of systemd, or --env-file
of Docker. `buuta doctor` says what is missing. This file is what `buuta config --example` prints."""
SECTIONS: Final = (
    ("All services", SharedSettings), ("Ingest, the carriers' door", IngestSettings), ("Tracker", TrackerSettings),
    ("Notifier: SMS and e-mail", NotifierSettings), ("Portal: pages and the shippers' API", PortalSettings),
)  # fmt: skip
PORTS: Final = (
    "Ports: ingest 8081 and for operations 9081, portal 8082 and 9082, tracker 9083, notifier 9084, on 127.0.0.1. "
    "A second process of one kind on one machine wants others, in its own environment and not here:"
)
WIDTH: Final = 112


def config(
    as_json: Json = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print a file of all settings, for .env.")
    ] = False,
) -> None:
    """Show every setting with its value and meaning, and what may be a mistake; secrets are masked."""
    if example:
        typer.echo(env_example(), nl=False)
        return
    rows: dict[str, tuple[str, str, str]] = {}
    for kind in KINDS:
        for variable, value in describe(load(kind)).items():
            name = variable.removeprefix(PREFIX).lower()
            if name not in OWN_PORTS:
                rows.setdefault(variable, (variable, value, kind.model_fields[name].description or ""))
    show(Listing(("variable", "value", "meaning"), [*rows.values(), *_ports()], note=""), as_json)
    for doubt in all_doubts():
        typer.echo(doubt, err=True)


def _ports() -> Iterator[tuple[str, str, str]]:
    """The ports, which each service has of its own."""
    for name in OWN_PORTS:
        said = [
            f"{kind.__name__.removesuffix('Settings').lower()} {getattr(load(kind), name)}"
            for kind in KINDS
            if name in kind.listening_ports
        ]
        meaning = KINDS[0].model_fields[name].description or ""
        yield f"{PREFIX}{name.upper()}", ", ".join(said), meaning


def all_doubts() -> list[str]:
    """What may be a mistake, for all services, each said once."""
    found = [each for kind in KINDS for each in doubts(load(kind), os.environ)]
    return list(dict.fromkeys(found))


def env_example() -> str:
    """A file of all settings, each with its meaning; those that must be set first, the others as comments."""
    parts = [_comment(HEAD, wrap=False), *_first()]
    seen = {*FIRST, *OWN_PORTS}
    for title, kind in SECTIONS:
        names = [name for name in kind.model_fields if name not in seen]
        seen.update(names)
        parts += [f"# ---- {title}", *_ports_of(kind), *(_setting(kind, name) for name in names)]
    return "\n\n".join(parts) + "\n"


def _first() -> Sequence[str]:
    return [
        f"{_meaning(NotifierSettings, name)}\n{_variable(name)}={value}" for name, value in FIRST.items()
    ]


def _ports_of(kind: type[SharedSettings]) -> Iterator[str]:
    if kind is SharedSettings:
        names = "\n".join(f"#{_variable(name)}=" for name in OWN_PORTS)
        yield f"{_comment(PORTS)}\n{names}"


def _setting(kind: type[SharedSettings], name: str) -> str:
    default = kind.model_fields[name].default
    return f"{_meaning(kind, name)}\n#{_variable(name)}={_written(default)}"


def _written(default: Any) -> str:
    """A default as a shell reads it; what is not set is left empty."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is None or default is PydanticUndefined or default == "":
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return shlex.quote(str(getattr(default, "value", default)))


def _meaning(kind: type[SharedSettings], name: str) -> str:
    return _comment(kind.model_fields[name].description or "")


def _comment(text: str, *, wrap: bool = True) -> str:
    lines = textwrap.wrap(text, WIDTH) if wrap else text.splitlines()
    return "\n".join(f"# {line}" for line in lines)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(config)
