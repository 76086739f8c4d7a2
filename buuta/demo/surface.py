"""What the demo shows on its surface: where everything listens, and the keys, as `export` lines for a shell."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from buuta.demo.stack import INBOX_PORT, INSIDE, PREFERRED, SERVICES, Stack, variables

PUBLIC: Final = {"ingest": "the carriers' door", "portal": "pages, the shippers' API"}


def inbox_url(stack: Stack) -> str:
    """Where the inbox page is."""
    return f"http://127.0.0.1:{stack.inbox_port}/inbox"


def exports(stack: Stack) -> dict[str, str]:
    """Variables for a shell in which README's commands are typed: addresses, keys, and what `buuta` needs."""
    return {
        "INGEST": stack.url("ingest"), "PORTAL": stack.url("portal"), "INBOX": inbox_url(stack),
        "GHN": stack.keys["ghn"][1], "GHTK": stack.keys["ghtk"][1], "VNP": stack.keys["vnp"][0],
        "SHOP": stack.shipper_key,
        **variables(stack),
    }  # fmt: skip


def export_lines(stack: Stack) -> Iterator[str]:
    """The same as lines of a shell; `buuta` itself is put on its path."""
    for name, value in exports(stack).items():
        yield f"export {name}={shlex.quote(value)}"
    yield f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'


def where(stack: Stack) -> Iterator[str]:
    """Lines on where to look, and on every port that was taken."""
    yield f"Tracking page   {stack.url('portal')}/"
    yield f"Rates           {stack.url('portal')}/rates"
    yield f"Inbox           {inbox_url(stack)}"
    yield f"Shippers' API   {stack.operations('portal')}/docs"
    yield f"Carriers' API   {stack.operations('ingest')}/docs"
    yield ""
    for service in SERVICES:
        public = f"port {stack.ports[service]} ({PUBLIC[service]}); " if service in PUBLIC else ""
        yield f"{service:<16}{public}metrics and health on {stack.inside[service]}"
    yield f"{'Kafka':<16}{stack.broker.address}"
    yield f"{'PostgreSQL':<16}{stack.database.url.partition('@')[2]}"
    yield f"{'SMTP, SMPP':<16}ports {stack.mail.port}, {stack.sms.port}"
    yield from _displaced(stack)


def _displaced(stack: Stack) -> Iterator[str]:
    """Usual ports that somebody else has."""
    usual = [
        *((name, port, stack.ports[name]) for name, port in PREFERRED.items()),
        *((f"{name}'s operations", port, stack.inside[name]) for name, port in INSIDE.items()),
        ("the inbox", INBOX_PORT, stack.inbox_port),
    ]
    for name, port, taken in usual:
        if taken != port:
            yield f"Port {port} was taken already, so {name} listens at {taken}."


class EnvFile:
    """The export lines as a file of its owner's alone, which goes with the demo."""

    def __init__(self, path: Path, lines: Iterator[str]) -> None:
        self.path = path
        self._text = "".join(f"{line}\n" for line in lines)

    def __enter__(self) -> "EnvFile":
        self.path.unlink(missing_ok=True)
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self._text)
        return self

    def __exit__(self, *raised: object) -> None:
        """Remove it, unless another demo has written its own there since."""
        if self.path.exists() and self.path.read_text(encoding="utf-8") == self._text:
            self.path.unlink()
