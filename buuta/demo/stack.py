"""The stack: embedded broker and database, the sinks, and every service as a process of its own."""

import asyncio
import contextlib
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg
import httpx

from buuta.demo.inbox import Inbox
from buuta.demo.sinks import MailSink, SmsSink
from buuta.embedded.broker import EmbeddedBroker
from buuta.embedded.database import EmbeddedDatabase
from buuta.embedded.processes import Child, free_port
from buuta.errors import Stop
from buuta.settings import SharedSettings
from buuta.storage.migrate import migrate
from buuta.storage.vault import Vault
from buuta.streaming.topics import create_topics
from services.ingest.registry.locksmith import Locksmith
from services.ingest.storage import Carrier
from services.portal.storage import add_shipper

SERVICES: Final = ("ingest", "tracker", "notifier", "portal")
BROKER: Final = "broker"
DATABASE: Final = "database"
PREFERRED: Final = {"ingest": 8081, "portal": 8082}
INBOX_PORT: Final = 8083
INSIDE: Final = {"ingest": 9081, "portal": 9082, "tracker": 9083, "notifier": 9084}
"""Public ports, and those of operations, where they are free."""
LAST_LINES: Final = 120
"""Enough to reach back behind the tracebacks of threads that end with their process."""
CARRIERS: Final = (
    Carrier("ghn", "Giao Hàng Nhanh", "ghn"),
    Carrier("ghtk", "Giao Hàng Tiết Kiệm", "ghtk"),
    Carrier("vnp", "VNPost", "buuta"),
)
READY_SECONDS: Final = 90


class Broker(Protocol):
    """A Kafka to run on: its bootstrap servers, and the settings that it wants."""

    address: str
    settings: dict[str, Any]

    def stop(self) -> None:
        """End it."""


@dataclass
class Stack:
    """What runs, and where."""

    env: Mapping[str, str]
    database: EmbeddedDatabase
    broker: Broker
    mail: MailSink
    sms: SmsSink
    ports: dict[str, int]
    folder: Path
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    shipper_key: str = ""
    children: dict[str, Child] = field(default_factory=dict)
    inside: dict[str, int] = field(default_factory=dict)
    inbox: Inbox = field(default_factory=Inbox)
    inbox_port: int = 0

    def url(self, service: str) -> str:
        """Where a service listens to the public."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def operations(self, service: str) -> str:
        """Where a service tells operations how it is."""
        return f"http://127.0.0.1:{self.inside[service]}"

    def start(self, service: str, name: str | None = None) -> None:
        """Start a service, or start it again; `name` tells a second one of its kind from the first."""
        name = name or service
        self.ports.setdefault(name, free_port())
        self.inside.setdefault(name, free_port())
        env = {
            **self.env, "BUUTA_PORT": str(self.ports[name]), "BUUTA_OPERATIONS_PORT": str(self.inside[name]),
        }  # fmt: skip
        command = [sys.executable, "-m", f"services.{service}"]
        self.children[name] = Child(command, self.folder / f"{name}.log", env)

    async def ready(self, service: str) -> None:
        """Wait until a service can do its job.

        Raises:
            Stop: it ended, or is not ready in time; the message holds its last log lines.
        """
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient() as client:
            while not await self._is_ready(client, service):
                if not self.children[service].alive:
                    raise Stop(f"{service} ended:\n{self.tail(service)}")
                if time.monotonic() > deadline:
                    raise Stop(f"{service} is not ready after {READY_SECONDS} s:\n{self.tail(service)}")
                await asyncio.sleep(0.1)

    async def _is_ready(self, client: httpx.AsyncClient, service: str) -> bool:
        try:
            answer = await client.get(f"{self.operations(service)}/health/ready")
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def tail(self, service: str, lines: int = LAST_LINES) -> str:
        """The last lines of a service's log."""
        log = self.database.log if service == DATABASE else self.folder / f"{service}.log"
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@contextlib.asynccontextmanager
async def running(
    services: Sequence[str] = SERVICES,
    *,
    durable: bool = True,
    more: Mapping[str, str] | None = None,
    kafka: Callable[[Path], Broker] = EmbeddedBroker,
    preferred: Mapping[str, int] = PREFERRED,
) -> AsyncIterator[Stack]:
    """A running stack, at the preferred ports where they are free; it ends and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="buuta-") as name, contextlib.ExitStack() as ends:
        folder = Path(name)
        broker = await asyncio.to_thread(kafka, folder)
        ends.callback(broker.stop)
        database = EmbeddedDatabase(durable=durable)
        ends.callback(database.close)
        inbox = Inbox()
        mail, sms = MailSink(inbox), SmsSink(inbox)
        mail.start()
        ends.callback(mail.stop)
        await sms.start()
        ports = {service: _port(preferred.get(service)) for service in SERVICES}
        inside = {service: _port(INSIDE[service] if preferred else None) for service in SERVICES}
        own = {"BUUTA_MASTER_KEY": secrets.token_hex(32)}
        stack = Stack(own, database, broker, mail, sms, ports, folder, inside=inside, inbox=inbox)
        stack.inbox_port = _port(INBOX_PORT if preferred else None)
        stack.env = {**os.environ, **variables(stack), **(more or {})}
        try:
            await _prepare(stack)
            for service in services:
                stack.start(service)
            await asyncio.gather(*(stack.ready(service) for service in services))
            yield stack
        finally:
            await asyncio.gather(*(asyncio.to_thread(child.stop) for child in stack.children.values()))
            await sms.stop()


def _port(preferred: int | None) -> int:
    """The preferred port, or another where that one is taken or there is none."""
    if preferred is not None:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", preferred)):
            return preferred
    return free_port()


def variables(stack: Stack) -> dict[str, str]:
    """What a process of Buuta must be told to work on this stack."""
    return {
        "BUUTA_KAFKA": stack.broker.address,
        **{f"BUUTA_{name.upper()}": str(value).lower() for name, value in stack.broker.settings.items()},
        "BUUTA_DATABASE": stack.database.url,
        "BUUTA_MASTER_KEY": stack.env["BUUTA_MASTER_KEY"],
        "BUUTA_PORTAL_URL": stack.url("portal"),
        "BUUTA_SMTP_PORT": str(stack.mail.port),
        "BUUTA_SMPP_PORT": str(stack.sms.port),
    }


def settings_of(stack: Stack) -> SharedSettings:
    """The settings that the stack's services share."""
    return SharedSettings(kafka=stack.broker.address, database=stack.database.url, **stack.broker.settings)


async def _prepare(stack: Stack) -> None:
    await create_topics(settings_of(stack))
    con = await asyncpg.connect(stack.database.url)
    try:
        await migrate(con)
        smith = Locksmith(con, Vault(bytes.fromhex(stack.env["BUUTA_MASTER_KEY"])), "the demo")
        for carrier in CARRIERS:
            stack.keys[carrier.code] = await smith.add_carrier(carrier)
        stack.shipper_key = await add_shipper(con, "demo", "Demo shop")
    finally:
        await con.close()
